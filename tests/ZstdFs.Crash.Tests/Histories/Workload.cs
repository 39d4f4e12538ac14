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

    /// <summary>fsync(2) of the top folder: names as they are now.</summary>
    internal void SynchronizeFolder()
    {
        Assert.That(SystemCallsAt.Open(new NativeName(Ext4.Native(mount)), OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor folder), Is.GreaterThanOrEqualTo(0));
        using (folder)
            Assert.That(SystemCallsFile.Synchronize(folder), Is.Zero);
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
