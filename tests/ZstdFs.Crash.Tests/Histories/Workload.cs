namespace ZstdFs.Crash.Tests.Histories;

/// <summary>What a program does with files, noted in the history as it goes.</summary>
internal sealed class Workload(IFiles files, History history, Random chance, Action synchronizeAll)
{
    /// <summary>Larger than what a close commits itself.</summary>
    internal const int LargeBytes = (2 * 1024 * 1024) + 150_001;

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
        files.Replace(path, content);
    }

    /// <summary>Opens, appends, closes.</summary>
    internal void Append(string path, int bytes)
    {
        byte[] more = Content(bytes);
        NoteMade(path);
        history.Becomes(path, [.. history.Current(path) ?? [], .. more]);
        using IOpenedFile file = files.Open(path, creates: true, writeOnly: true);
        file.Write(history.Current(path)!.Length - more.Length, more);
    }

    /// <summary>Opens, overwrites a part, closes.</summary>
    internal void Patch(string path, int offset, int bytes)
    {
        byte[] patch = Content(bytes);
        history.Becomes(path, Patched(history.Current(path)!, offset, patch));
        using IOpenedFile file = files.Open(path, creates: false, writeOnly: true);
        file.Write(offset, patch);
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
        using IOpenedFile file = files.Open(path, creates: false, writeOnly: true);
        file.SetLength(bytes);
    }

    internal void Synchronize(string path)
    {
        using (IOpenedFile file = files.Open(path, creates: false, writeOnly: false))
            file.Synchronize();
        history.IsDurable(path);
    }

    /// <summary>fsync(2) of a folder: names as they are now.</summary>
    internal void SynchronizeFolder(string path = "")
    {
        files.SynchronizeFolder(path);
        history.NamesAreDurable(path);
    }

    /// <summary>
    /// Overwrites a part of a file that was opened with O_SYNC or O_DSYNC: it is on disk when write(2) returns.
    /// </summary>
    internal void WriteThrough(string path, int offset, int bytes, int flag)
    {
        byte[] patch = Content(bytes);
        history.Becomes(path, Patched(history.Current(path)!, offset, patch));
        using IOpenedFile file = files.Open(path, creates: false, writeOnly: false, flag);
        file.Write(offset, patch);
        history.IsDurable(path);
        history.IsWrittenAfterSync(path);
    }

    /// <summary>Overwrites a part through a shared mapping, and calls msync(2).</summary>
    internal void WriteMapped(string path, int offset, int bytes)
    {
        byte[] patch = Content(bytes);
        byte[] next = Patched(history.Current(path)!, offset, patch);
        history.Becomes(path, next);
        history.IsWrittenAfterSync(path);
        files.WriteMapped(path, offset, patch);
        history.IsDurable(path);
    }

    /// <summary>
    /// A file that comes into being without a name (O_TMPFILE), is written, synchronised, and only then named (linkat).
    /// </summary>
    internal void WriteUnnamed(string path, int bytes)
    {
        byte[] content = Content(bytes);
        Action name = files.WriteUnnamed(path, content);
        history.Becomes(path, content);
        name();
    }

    internal void Exchange(string one, string other)
    {
        history.AreExchanged(one, other);
        files.Exchange(one, other);
    }

    /// <summary>Exchanges a file and a folder that holds one file: the source needs two steps for that.</summary>
    internal void ExchangeWithFolder(string file, string folder, string below)
    {
        history.IsRenamed($"{folder}/{below}", $"{file}/{below}");
        history.IsRenamed(file, folder);
        files.Exchange(file, folder);
    }

    internal void MakeFolder(string path) => files.MakeFolder(path);

    /// <summary>Renames a folder; every file below it comes to another path.</summary>
    internal void RenameFolder(string from, string to)
    {
        foreach (string path in history.Paths.Where(p => p.StartsWith(from + '/', StringComparison.Ordinal) && Has(p))
            .ToArray())
            history.IsRenamed(path, to + path[from.Length..]);
        files.Rename(from, to);
    }

    /// <summary>Attributes that are no content: mode and an extended attribute.</summary>
    internal void SetAttributes(string path)
    {
        files.SetMode(path, (UnixFileMode)chance.Next(0b110_000_000, 0b111_111_111));
        files.SetAttribute(path, "user.note", Content(chance.Next(1, 60)));
    }

    internal void SetTime(string path) => files.SetTime(path, chance.Next(1_000_000_000, 2_000_000_000));

    internal void SynchronizeAll()
    {
        synchronizeAll();
        history.AllIsDurable();
    }

    internal void Rename(string from, string to)
    {
        history.IsRenamed(from, to);
        files.Rename(from, to);
    }

    internal void Link(string from, string to)
    {
        history.TakesOver(from, to);
        files.Link(from, to);
    }

    internal void Delete(string path)
    {
        history.Becomes(path, null);
        files.Delete(path);
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
        return new OpenFile(this, history, path, files.Open(path, creates: true, writeOnly: false));
    }

    internal sealed class OpenFile : IDisposable
    {
        private readonly Workload _workload;
        private readonly History _history;
        private readonly string _path;
        private readonly IOpenedFile _file;
        private byte[] _content;
        private bool _isDirty;

        internal OpenFile(Workload workload, History history, string path, IOpenedFile file)
        {
            (_workload, _history, _path, _file) = (workload, history, path, file);
            _content = history.Current(path)!;
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

        internal void SetLength(int bytes)
        {
            _content = [.. _content];
            Array.Resize(ref _content, bytes);
            _file.SetLength(bytes);
            _isDirty = true;
        }

        private void Write(int offset, byte[] patch)
        {
            _content = Patched(_content, offset, patch);
            _file.Write(offset, patch);
            _isDirty = true;
        }

        internal void Synchronize()
        {
            if (_isDirty)
                _history.Becomes(_path, _content);
            _isDirty = false;
            _file.Synchronize();
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
