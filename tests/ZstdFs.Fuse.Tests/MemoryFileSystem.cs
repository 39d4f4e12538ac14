using System.Text;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>A small read-write file system in memory. Names are kept as Latin-1 text, which loses no byte.</summary>
internal sealed class MemoryFileSystem : FuseFileSystem
{
    private sealed class Node
    {
        internal ulong Id;
        internal uint Mode;
        internal uint Uid, Gid;
        internal byte[] Content = [];
        internal SortedDictionary<string, ulong> Entries = new(StringComparer.Ordinal);
    }

    private readonly Lock _gate = new(); // everything below
    private readonly Dictionary<ulong, Node> _nodes =
        new() { [1] = new Node { Id = 1, Mode = FileType.Directory | 0x1FF } };
    private ulong _last = 1;

    /// <summary>Runs in READ, outside the lock.</summary>
    internal Action? BeforeRead { get; set; }

    /// <summary>What INIT settled.</summary>
    internal NegotiatedConnection Connection { get; private set; }

    internal int TimesDestroyed { get; private set; }

    /// <summary>Changes a file behind the kernel's back. Returns its node.</summary>
    internal ulong Replace(string name, string content)
    {
        lock (_gate)
        {
            Node node = _nodes[_nodes[1].Entries[name]];
            node.Content = Encoding.UTF8.GetBytes(content);
            return node.Id;
        }
    }

    public override void Initialized(in NegotiatedConnection connection) => Connection = connection;

    public override void Destroyed() => TimesDestroyed++;

    public override int Lookup(in RequestContext context, ulong parent, NativeName name, out FuseEntryOut entry)
    {
        lock (_gate)
        {
            entry = default;
            if (!_nodes[parent].Entries.TryGetValue(Text(name), out ulong id))
                return -(int)Errno.ENOENT;
            entry = Entry(_nodes[id]);
            return 0;
        }
    }

    public override int GetAttributes(in RequestContext context, ulong node, ulong handle, out FuseAttrOut attributes)
    {
        lock (_gate)
            attributes = new FuseAttrOut { Attr = Attributes(_nodes[node]), AttrValid = 3600 };
        return 0;
    }

    public override int SetAttributes(in RequestContext context, ulong node, in FuseSetattrIn change,
        out FuseAttrOut attributes)
    {
        lock (_gate)
        {
            Node target = _nodes[node];
            if (change.Valid.HasFlag(SetattrValid.Size))
                Array.Resize(ref target.Content, (int)change.Size);
            if (change.Valid.HasFlag(SetattrValid.Mode))
                target.Mode = change.Mode;
        }
        return GetAttributes(context, node, NoHandle, out attributes);
    }

    public override int MakeDirectory(in RequestContext context, ulong parent, NativeName name, uint mode, uint umask,
        out FuseEntryOut entry) =>
        Add(context, parent, name, FileType.Directory | (mode & ~umask), out entry);

    public override int Create(in RequestContext context, ulong parent, NativeName name, int flags, uint mode,
        uint umask, out FuseEntryOut entry, out FuseOpenOut reply)
    {
        reply = default;
        return Add(context, parent, name, mode & ~umask, out entry);
    }

    public override int TemporaryFile(in RequestContext context, ulong parent, int flags, uint mode, uint umask,
        out FuseEntryOut entry, out FuseOpenOut reply)
    {
        reply = default;
        lock (_gate)
            entry = Entry(AddNode(context, FileType.Regular | (mode & ~umask)));
        return 0;
    }

    public override int Open(in RequestContext context, ulong node, int flags, bool killSuidSgid, out FuseOpenOut reply)
    {
        reply = new FuseOpenOut { OpenFlags = OpenReplyFlags.KeepCache };
        lock (_gate)
        {
            if ((flags & OpenFlags.Truncate) != 0)
                _nodes[node].Content = [];
        }
        return 0;
    }

    public override int Read(in RequestContext context, ulong node, ulong handle, long offset, Span<byte> destination)
    {
        BeforeRead?.Invoke();
        lock (_gate)
        {
            byte[] content = _nodes[node].Content;
            int count = (int)Math.Clamp(content.Length - offset, 0, destination.Length);
            content.AsSpan((int)Math.Min(offset, content.Length), count).CopyTo(destination);
            return count;
        }
    }

    public override int Write(
        in RequestContext context, ulong node, ulong handle, long offset, ReadOnlySpan<byte> data, WriteFlags flags,
            int openFlags)
    {
        lock (_gate)
        {
            Node target = _nodes[node];
            if (offset + data.Length > target.Content.Length)
                Array.Resize(ref target.Content, (int)offset + data.Length);
            data.CopyTo(target.Content.AsSpan((int)offset));
            return data.Length;
        }
    }

    public override int Unlink(in RequestContext context, ulong parent, NativeName name)
    {
        lock (_gate)
            return _nodes[parent].Entries.Remove(Text(name)) ? 0 : -(int)Errno.ENOENT;
    }

    public override int OpenDirectory(in RequestContext context, ulong node, int flags, out FuseOpenOut reply)
    {
        reply = default;
        return 0;
    }

    public override int ReadDirectory(in RequestContext context, ulong node, ulong handle, ulong offset,
        ref DirectoryWriter writer)
    {
        lock (_gate)
        {
            ulong index = 0;
            foreach ((string name, ulong id) in _nodes[node].Entries)
            {
                if (index++ < offset)
                    continue;
                byte[] bytes = Encoding.Latin1.GetBytes(name);
                uint type = FileType.ToEntryType(_nodes[id].Mode);
                if (!(writer.IsPlus ? writer.TryAddPlus(bytes, Entry(_nodes[id]), type, index)
                    : writer.TryAdd(bytes, id, type, index)))
                    break;
            }
        }
        return 0;
    }

    private int Add(in RequestContext context, ulong parent, NativeName name, uint mode, out FuseEntryOut entry)
    {
        lock (_gate)
        {
            Node node = AddNode(context, mode);
            _nodes[parent].Entries[Text(name)] = node.Id;
            entry = Entry(node);
        }
        return 0;
    }

    private Node AddNode(in RequestContext context, uint mode)
    {
        var node = new Node { Id = ++_last, Mode = mode, Uid = context.UserId, Gid = context.GroupId };
        _nodes[node.Id] = node;
        return node;
    }

    private static string Text(NativeName name) => Encoding.Latin1.GetString(name.Bytes);

    private static FuseEntryOut Entry(Node node) =>
        new() { NodeId = node.Id, Attr = Attributes(node), EntryValid = 3600, AttrValid = 3600 };

    private static FuseAttr Attributes(Node node) => new()
    {
        Ino = node.Id,
        Mode = node.Mode,
        Nlink = 1,
        Uid = node.Uid,
        Gid = node.Gid,
        Size = (ulong)node.Content.Length,
        Blksize = 4096,
    };
}
