using System.Globalization;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Histories;

/// <summary>What a program does through the mount, noted in the history as it goes.</summary>
internal sealed class Workload(string mount, History history, Random chance, Action synchronizeAll)
{
    /// <summary>Larger than what a close commits itself.</summary>
    internal const int LargeBytes = (2 * 1024 * 1024) + 150_001;

    internal string At(string path) => Path.Combine(mount, path);

    internal bool Has(string path) => history.Current(path) is not null;

    /// <summary>Content of which half compresses.</summary>
    internal byte[] Content(int bytes)
    {
        byte[] content = new byte[bytes];
        chance.NextBytes(content.AsSpan(0, bytes / 2));
        content.AsSpan(bytes / 2).Fill((byte)chance.Next(1, 256));
        return content;
    }

    // A new file is empty until its first close.
    private void NoteMade(string path)
    {
        if (!Has(path))
            history.Becomes(path, []);
    }

    /// <summary>open(O_CREAT | O_TRUNC), write, close.</summary>
    internal void Write(string path, int bytes)
    {
        byte[] content = Content(bytes);
        NoteMade(path);
        history.Becomes(path, content);
        File.WriteAllBytes(At(path), content);
    }

    /// <summary>Opens, appends, closes.</summary>
    internal void Append(string path, int bytes)
    {
        byte[] more = Content(bytes);
        NoteMade(path);
        history.Becomes(path, [.. history.Current(path) ?? [], .. more]);
        using var file = new FileStream(At(path), FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, 0);
        file.Seek(0, SeekOrigin.End);
        file.Write(more);
    }

    /// <summary>Opens, overwrites a part, closes.</summary>
    internal void Patch(string path, int offset, int bytes)
    {
        byte[] patch = Content(bytes);
        history.Becomes(path, Patched(history.Current(path)!, offset, patch));
        using var file = new FileStream(At(path), FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        file.Position = offset;
        file.Write(patch);
    }

    internal static byte[] Patched(byte[] content, int offset, byte[] patch)
    {
        byte[] next = new byte[Math.Max(content.Length, offset + patch.Length)];
        content.CopyTo(next, 0);
        patch.CopyTo(next, offset);
        return next;
    }

    internal void Truncate(string path, int bytes)
    {
        byte[] next = history.Current(path)!;
        Array.Resize(ref next, bytes);
        history.Becomes(path, next);
        using var file = new FileStream(At(path), FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        file.SetLength(bytes);
    }

    internal void Synchronize(string path)
    {
        using (var file = new FileStream(At(path), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0))
            file.Flush(flushToDisk: true);
        history.IsDurable(path);
    }

    /// <summary>fsync(2) of a folder: names as they are now.</summary>
    internal void SynchronizeFolder(string path = "")
    {
        using (FileDescriptor folder = OpenNative(path, OpenFlags.ReadOnly | OpenFlags.Directory))
            Assert.That(SystemCallsFile.Synchronize(folder), Is.Zero);
        history.NamesAreDurable(path);
    }

    /// <summary>Overwrites a part of a file that was opened with O_SYNC or O_DSYNC: it is on disk when write(2) returns.</summary>
    internal void WriteThrough(string path, int offset, int bytes, int flag)
    {
        byte[] patch = Content(bytes);
        history.Becomes(path, Patched(history.Current(path)!, offset, patch));
        using FileDescriptor file = OpenNative(path, OpenFlags.ReadWrite | flag);
        Assert.That(SystemCallsFile.Write(file, offset, patch), Is.Zero);
        history.IsDurable(path);
        history.IsWrittenAfterSync(path);
    }

    /// <summary>
    /// Overwrites a part through a shared mapping, and calls msync(2). In a process of its own: a page fault that this one serves itself stops its garbage collector for ever.
    /// </summary>
    internal void WriteMapped(string path, int offset, int bytes)
    {
        byte[] patch = Content(bytes);
        byte[] next = Patched(history.Current(path)!, offset, patch);
        history.Becomes(path, next);
        history.IsWrittenAfterSync(path);
        const string Script = "import mmap, sys; f = open(sys.argv[1], 'r+b'); m = mmap.mmap(f.fileno(), 0); p = bytes.fromhex(sys.argv[3]); a = int(sys.argv[2]); m[a:a + len(p)] = p; m.flush()";
        Ext4.Run("python3", "-c", Script, At(path), offset.ToString(CultureInfo.InvariantCulture), Convert.ToHexString(patch));
        history.IsDurable(path);
    }

    /// <summary>A file that comes into being without a name (O_TMPFILE), is written, synchronised, and only then named (linkat).</summary>
    internal void WriteUnnamed(string path, int bytes)
    {
        byte[] content = Content(bytes);
        using FileDescriptor folder = OpenNative("", OpenFlags.PathOnly | OpenFlags.Directory);
        Assert.That(SystemCallsAt.Open(folder, new NativeName(Ext4.Native(".")), OpenFlags.ReadWrite | OpenFlags.TemporaryFile, 0b110_100_100, out FileDescriptor file), Is.GreaterThanOrEqualTo(0));
        using (file)
        {
            Assert.That(SystemCallsFile.Write(file, 0, content), Is.Zero);
            Assert.That(SystemCallsFile.Synchronize(file), Is.Zero);
            history.Becomes(path, content);
            Assert.That(SystemCallsAt.Link(file, folder, new NativeName(Ext4.Native(path))), Is.Zero);
        }
    }

    internal void Exchange(string one, string other)
    {
        history.AreExchanged(one, other);
        using FileDescriptor folder = OpenNative("", OpenFlags.PathOnly | OpenFlags.Directory);
        Assert.That(SystemCallsAt.Rename(folder, new NativeName(Ext4.Native(one)), folder, new NativeName(Ext4.Native(other)), RenameFlags.Exchange), Is.Zero);
    }

    internal void MakeFolder(string path) => Directory.CreateDirectory(At(path));

    /// <summary>Renames a folder; every file below it comes to another path.</summary>
    internal void RenameFolder(string from, string to)
    {
        foreach (string path in history.Paths.Where(p => p.StartsWith(from + '/', StringComparison.Ordinal) && Has(p)).ToArray())
            history.IsRenamed(path, to + path[from.Length..]);
        Directory.Move(At(from), At(to));
    }

    /// <summary>Attributes that are no content: mode and an extended attribute.</summary>
    internal void SetAttributes(string path)
    {
        File.SetUnixFileMode(At(path), (UnixFileMode)chance.Next(0b110_000_000, 0b111_111_111));
        using FileDescriptor file = OpenNative(path, OpenFlags.ReadWrite);
        Assert.That(ExtendedAttributes.Set(file, new NativeName(Ext4.Native("user.note")), Content(chance.Next(1, 60)), 0), Is.Zero);
    }

    private FileDescriptor OpenNative(string path, int flags)
    {
        Assert.That(SystemCallsAt.Open(new NativeName(Ext4.Native(At(path))), flags, out FileDescriptor file), Is.GreaterThanOrEqualTo(0), path);
        return file;
    }

    internal void SynchronizeAll()
    {
        synchronizeAll();
        history.AllIsDurable();
    }

    internal void Rename(string from, string to)
    {
        history.IsRenamed(from, to);
        File.Move(At(from), At(to), overwrite: true);
    }

    internal void Link(string from, string to)
    {
        history.TakesOver(from, to);
        Ext4.Run("ln", At(from), At(to));
    }

    internal void Delete(string path)
    {
        history.Becomes(path, null);
        File.Delete(At(path));
    }

    /// <summary>A write by one of a file's names shows under all.</summary>
    internal void NoteOtherNames(string path, params string[] others)
    {
        foreach (string other in others)
            history.Becomes(other, history.Current(path));
    }

    /// <summary>A file held open: written and synchronised in turns, as databases and logs do.</summary>
    internal OpenFile Open(string path)
    {
        NoteMade(path);
        return new OpenFile(this, history, path);
    }

    internal sealed class OpenFile : IDisposable
    {
        private readonly Workload _workload;
        private readonly History _history;
        private readonly string _path;
        private readonly FileStream _file;
        private byte[] _content;
        private bool _isDirty;

        internal OpenFile(Workload workload, History history, string path)
        {
            (_workload, _history, _path) = (workload, history, path);
            _content = history.Current(path)!;
            _file = new FileStream(workload.At(path), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
        }

        internal int Length => _content.Length;

        internal void Write(int offset, int bytes)
        {
            byte[] patch = _workload.Content(bytes);
            Write(offset, patch);
        }

        /// <summary>Of content that compresses to little, so that much of it fits on a small disk.</summary>
        internal void WriteCompressible(int offset, int bytes)
        {
            byte[] patch = new byte[bytes];
            _workload.Content(bytes / 16).CopyTo(patch, 0);
            Write(offset, patch);
        }

        private void Write(int offset, byte[] patch)
        {
            _content = Patched(_content, offset, patch);
            _file.Position = offset;
            _file.Write(patch);
            _isDirty = true;
        }

        internal void Synchronize()
        {
            if (_isDirty)
                _history.Becomes(_path, _content);
            _isDirty = false;
            _file.Flush(flushToDisk: true);
            _history.IsDurable(_path);
            _history.IsWrittenAfterSync(_path);
        }

        public void Dispose()
        {
            if (_isDirty)
                _history.Becomes(_path, _content);
            _file.Dispose();
        }
    }
}
