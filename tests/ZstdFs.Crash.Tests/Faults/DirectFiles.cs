using ZstdFs.Core.Content;
using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Histories;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Faults;

/// <summary>
/// Files of a file system that is used without the kernel, by the requests that the kernel would send. What its answers
/// promise is noted in <paramref name="expected"/>.
/// </summary>
internal sealed class DirectFiles(ZstdFileSystem fileSystem, ExpectedFiles expected, Action? failed = null) : IFiles
{
    private const ulong Root = 1;
    private const int RequestBytes = 1024 * 1024;

    private readonly Dictionary<ulong, ulong> _lookups = [];
    private readonly Dictionary<ulong, int> _handles = [];
    private readonly HashSet<ulong> _forgettable = [];

    /// <summary>Errors that were answered, in order.</summary>
    internal List<(string Op, Errno Errno)> Answers { get; } = [];

    /// <summary>Exceptions that came out of the file system, and that no op may end with.</summary>
    internal List<string> Escaped { get; } = [];

    public void Replace(string path, byte[] content)
    {
        using Opened file = Open(path, creates: true, writeOnly: true, OpenFlags.Truncate);
        file.Write(0, content);
    }

    IOpenedFile IFiles.Open(string path, bool creates, bool writeOnly, int flags) =>
        Open(path, creates, writeOnly, flags);

    private Opened Open(string path, bool creates, bool writeOnly, int flags)
    {
        int all = (writeOnly ? OpenFlags.WriteOnly : OpenFlags.ReadWrite) | flags;
        (ulong folder, string name) = Folder(path);
        FuseEntryOut entry = LookUp(folder, name, path);
        FuseOpenOut open = default;
        if (entry.NodeId != 0)
        {
            ExpectedFiles.Contents present = expected.Find(path)!;
            if ((flags & OpenFlags.Truncate) != 0)
                Ask($"open of {path}", () => fileSystem.Open(default, entry.NodeId, all, false, out open),
                    present.Become([]).Failed);
            else
                Ask($"open of {path}", () => fileSystem.Open(default, entry.NodeId, all, false, out open));
            return new Opened(this, path, entry.NodeId, open.Handle, present, (flags & OpenFlags.DataSync) != 0);
        }
        if (!creates)
            throw new InvalidOperationException($"{path} is not there");
        var made = new ExpectedFiles.Contents();
        Ask($"create of {path}",
            () => fileSystem.Create(default, folder, Native(name), all, 0b110_100_100, 0, out entry, out open),
            expected.Change(names => names[path] = made));
        Count(entry);
        return new Opened(this, path, entry.NodeId, open.Handle, made, false);
    }

    public void SynchronizeFolder(string path)
    {
        ulong folder = path.Length == 0 ? Root : Node(path);
        FuseOpenOut open = default;
        Ask($"opendir of {path}", () => fileSystem.OpenDirectory(default, folder, 0, out open));
        try
        {
            Ask($"fsync of folder {path}", () => fileSystem.SynchronizeDirectory(default, folder, open.Handle, false));
        }
        finally
        {
            Tell($"closedir of {path}", () => fileSystem.ReleaseDirectory(default, folder, open.Handle));
        }
    }

    public void WriteMapped(string path, int offset, byte[] patch)
    {
        using Opened file = Open(path, creates: false, writeOnly: false, 0);
        file.Write(offset, patch, WriteFlags.FromPageCache);
        file.Synchronize();
    }

    public Action WriteUnnamed(string path, byte[] content)
    {
        FuseEntryOut entry = default;
        FuseOpenOut open = default;
        Ask($"creation of what is to be {path}",
            () => fileSystem.TemporaryFile(default, Root, OpenFlags.ReadWrite, 0b110_100_100, 0, out entry, out open));
        Count(entry);
        var made = new ExpectedFiles.Contents();
        var file = new Opened(this, path, entry.NodeId, open.Handle, made, false);
        try
        {
            file.Write(0, content);
            file.Synchronize();
        }
        catch
        {
            file.Dispose();
            throw;
        }
        return () =>
        {
            using (file)
                Ask($"link of {path}", () => fileSystem.Link(default, entry.NodeId, Root, Native(path), out entry),
                    expected.Change(names => names[path] = made));
            Count(entry);
        };
    }

    public void MakeFolder(string path)
    {
        (ulong folder, string name) = Folder(path);
        if (LookUp(folder, name, path).NodeId != 0)
            return;
        FuseEntryOut entry = default;
        Ask($"mkdir of {path}",
            () => fileSystem.MakeDirectory(default, folder, Native(name), 0b111_101_101, 0, out entry));
        Count(entry);
    }

    public void Rename(string from, string to) => Rename(from, to, 0, names =>
    {
        foreach (string path in names.Keys.Where(path =>
            path == from || path.StartsWith(from + '/', StringComparison.Ordinal)).ToArray())
        {
            names[to + path[from.Length..]] = names[path];
            names.Remove(path);
        }
    });

    public void Exchange(string one, string other)
    {
        var moved = new List<(string, ExpectedFiles.Contents)>();
        Rename(one, other, RenameFlags.Exchange, names =>
        {
            foreach ((string path, ExpectedFiles.Contents contents) in names.Where(n =>
                IsAtOrBelow(n.Key, one) || IsAtOrBelow(n.Key, other)).ToArray())
            {
                names.Remove(path);
                moved.Add((IsAtOrBelow(path, one) ? other + path[one.Length..] : one + path[other.Length..], contents));
            }
            foreach ((string path, ExpectedFiles.Contents contents) in moved)
                names[path] = contents;
        });
    }

    private static bool IsAtOrBelow(string path, string folder) =>
        path == folder || path.StartsWith(folder + '/', StringComparison.Ordinal);

    private void Rename(string from, string to, uint flags,
        Action<SortedDictionary<string, ExpectedFiles.Contents>> change)
    {
        (ulong folder, string name) = Folder(from);
        (ulong newFolder, string newName) = Folder(to);
        LookUp(folder, name, from);
        FuseEntryOut replaced = LookUp(newFolder, newName, to);
        Ask($"rename of {from} to {to}",
            () => fileSystem.Rename(default, folder, Native(name), newFolder, Native(newName), flags),
            expected.Change(change));
        if (flags == 0 && replaced.NodeId != 0)
            Forget(replaced.NodeId);
    }

    public void Link(string from, string to)
    {
        (ulong folder, string name) = Folder(to);
        ulong node = Node(from);
        LookUp(folder, name, to);
        FuseEntryOut entry = default;
        Ask($"link of {from} to {to}", () => fileSystem.Link(default, node, folder, Native(name), out entry),
            expected.Change(names => names[to] = names[from]));
        Count(entry);
    }

    public void Delete(string path)
    {
        (ulong folder, string name) = Folder(path);
        ulong node = LookUp(folder, name, path).NodeId;
        Ask($"unlink of {path}", () => fileSystem.Unlink(default, folder, Native(name)),
            expected.Change(names => names.Remove(path)));
        Forget(node);
    }

    public void SetMode(string path, UnixFileMode mode)
    {
        ulong node = Node(path);
        ExpectedFiles.Contents file = expected.Find(path)!;
        file.BecomeMode(mode);
        var change = new FuseSetattrIn { Valid = SetattrValid.Mode, Mode = FileType.Regular | (uint)mode };
        Ask($"chmod of {path}", () => fileSystem.SetAttributes(default, node, change, out _));
        file.ModeIsSet();
    }

    public void SetTime(string path, long seconds)
    {
        ulong node = Node(path);
        var change = new FuseSetattrIn { Valid = SetattrValid.Mtime, Mtime = seconds };
        Ask($"utimens of {path}", () => fileSystem.SetAttributes(default, node, change, out _));
    }

    public void SetAttribute(string path, string name, byte[] value)
    {
        ulong node = Node(path);
        ExpectedFiles.Contents file = expected.Find(path)!;
        file.BecomeNote(value);
        Ask($"setxattr of {path}", () => fileSystem.SetExtendedAttribute(default, node, Native(name), value, 0, false));
        file.NoteIsSet();
    }

    internal void SynchronizeAll() =>
        Ask("sync", () => fileSystem.IoControl(default, Root, 0, 0, ControlCommands.Sync, 0, default, default));

    /// <summary>The file as a program finds it; null where there is none of that name.</summary>
    internal FoundFile? Read(string path)
    {
        ulong node = Root;
        FuseEntryOut entry = default;
        bool isFolder = true;
        foreach (string name in path.Split('/'))
        {
            if (!isFolder)
                return null;
            entry = LookUp(node, name, path);
            if ((node = entry.NodeId) == 0)
                return null;
            isFolder = (entry.Attr.Mode & FileType.Mask) == FileType.Directory;
        }
        if (isFolder)
            return null;
        FuseOpenOut open = default;
        Ask($"open of {path}", () => fileSystem.Open(default, node, OpenFlags.ReadOnly, false, out open));
        try
        {
            byte[] content = new byte[entry.Attr.Size + 1];
            int length = 0;
            for (int count = -1; count != 0; length += count)
                count = Ask($"read of {path}",
                    () => fileSystem.Read(default, node, open.Handle, length, content.AsSpan(length)));
            byte[] note = new byte[256];
            int noted = fileSystem.GetExtendedAttribute(default, node, Native("user.note"), note);
            return new FoundFile(content[..length], (UnixFileMode)(entry.Attr.Mode & 0xFFF),
                note[..Math.Max(0, noted)]);
        }
        finally
        {
            Tell($"close of {path}", () => fileSystem.Release(default, node, open.Handle, OpenFlags.ReadOnly));
        }
    }

    private (ulong Folder, string Name) Folder(string path) =>
        Path.GetDirectoryName(path) is { Length: > 0 } folder ? (Node(folder), Path.GetFileName(path)) : (Root, path);

    private ulong Node(string path)
    {
        ulong node = Root;
        foreach (string name in path.Split('/'))
            node = LookUp(node, name, path).NodeId;
        return node;
    }

    private FuseEntryOut LookUp(ulong folder, string name, string path)
    {
        FuseEntryOut entry = default;
        Ask($"lookup of {path}",
            () =>
                Math.Max(fileSystem.Lookup(default, folder, Native(name), out entry), int.MinValue) is var result
                    && result == -(int)Errno.ENOENT
                    ? 0 : result);
        Count(entry);
        return entry;
    }

    private void Count(in FuseEntryOut entry)
    {
        if (entry.NodeId != 0)
            _lookups[entry.NodeId] = _lookups.GetValueOrDefault(entry.NodeId) + 1;
    }

    /// <summary>The name is gone: the kernel forgets the file when nobody has it open.</summary>
    private void Forget(ulong node)
    {
        if (_handles.GetValueOrDefault(node) > 0)
            _forgettable.Add(node);
        else if (_lookups.Remove(node, out ulong count))
            Tell("forget", () => fileSystem.Forget(node, count));
    }

    /// <summary>
    /// Has an op done. Throws where it is answered with an error, or ends in an exception, which is EIO to its caller.
    /// </summary>
    private int Ask(string op, Func<int> call, Action? noteFailure = null)
    {
        int result;
        try
        {
            result = call();
        }
        catch (Exception e)
        {
            result = -(int)Errno.EIO;
            if (!ContentFault.IsExpected(e))
                Escaped.Add($"{op}: {e}");
        }
        if (result >= 0)
            return result;
        noteFailure?.Invoke();
        Answers.Add((op, (Errno)(-result)));
        failed?.Invoke();
        throw new CallFailed(op, (Errno)(-result));
    }

    /// <summary>An op without an answer.</summary>
    private void Tell(string op, Action call)
    {
        try
        {
            call();
        }
        catch (Exception e)
        {
            Escaped.Add($"{op}: {e}");
        }
    }

    private static NativeName Native(string name) => new(Ext4.Native(name));

    private sealed class Opened : IOpenedFile
    {
        private readonly DirectFiles _files;
        private readonly string _path;
        private readonly ulong _node, _handle;
        private readonly ExpectedFiles.Contents _contents;
        private readonly bool _isSynchronous;

        internal Opened(DirectFiles files, string path, ulong node, ulong handle, ExpectedFiles.Contents contents,
            bool isSynchronous)
        {
            (_files, _path, _node, _handle, _contents, _isSynchronous) =
                (files, path, node, handle, contents, isSynchronous);
            files._handles[node] = files._handles.GetValueOrDefault(node) + 1;
        }

        public void Write(long offset, byte[] data) => Write(offset, data, WriteFlags.None);

        internal void Write(long offset, byte[] data, WriteFlags flags)
        {
            for (int at = 0; at < data.Length; at += RequestBytes)
            {
                byte[] part = data[at..Math.Min(data.Length, at + RequestBytes)];
                long position = offset + at;
                _contents.Become(Workload.Patched(_contents.Current, (int)position, part));
                _files.Ask($"write to {_path}",
                    () => _files.Fs.Write(default, _node, _handle, position, part, flags, 0), _contents.Failed);
            }
            if (_isSynchronous)
                Synchronize();
        }

        public void SetLength(long bytes)
        {
            byte[] next = _contents.Current;
            Array.Resize(ref next, (int)bytes);
            _contents.Become(next);
            var change = new FuseSetattrIn { Valid = SetattrValid.Size | SetattrValid.Handle, Handle = _handle,
                Size = (ulong)bytes };
            _files.Ask($"truncate of {_path}", () => _files.Fs.SetAttributes(default, _node, change, out _),
                _contents.Failed);
        }

        public void Synchronize()
        {
            _files.Ask($"fsync of {_path}", () => _files.Fs.Synchronize(default, _node, _handle, false),
                _contents.IsVague);
            _contents.Settle();
        }

        public void Dispose()
        {
            try
            {
                bool hadFailed = _files.Answers.Count > 0;
                try
                {
                    _files.Ask($"close of {_path}", () => _files.Fs.Flush(default, _node, _handle, 0),
                        _contents.IsVague);
                    _contents.Settle();
                }
                catch (CallFailed) when (hadFailed)
                {
                    // The program ends already.
                }
            }
            finally
            {
                _files.Tell($"release of {_path}", () => _files.Fs.Release(default, _node, _handle, 0));
                if (--_files._handles[_node] == 0 && _files._forgettable.Remove(_node))
                    _files.Forget(_node);
            }
        }
    }

    private ZstdFileSystem Fs => fileSystem;
}
