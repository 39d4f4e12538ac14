using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>One read-only file, <c>hello</c>.</summary>
internal sealed class HelloFileSystem : FuseFileSystem
{
    internal const ulong FileNode = 2;
    internal static ReadOnlySpan<byte> Content => "hello, world\n"u8;

    internal int References;
    internal bool Ended;
    internal Func<int>? BeforeRead;

    public override int Lookup(in RequestContext context, ulong parent, NativeName name, out FuseEntryOut entry)
    {
        entry = default;
        if (parent != 1 || !name.Bytes.SequenceEqual("hello"u8))
            return -(int)Errno.ENOENT;
        Interlocked.Increment(ref References);
        entry.NodeId = FileNode;
        entry.Attr = Attributes(FileNode);
        return 0;
    }

    public override void Forget(ulong node, ulong lookups) => Interlocked.Add(ref References, -(int)lookups);

    public override void Destroyed() => Ended = true;

    public override int GetAttributes(in RequestContext context, ulong node, ulong handle, out FuseAttrOut attributes)
    {
        attributes = new FuseAttrOut { Attr = Attributes(node) };
        return 0;
    }

    public override int Open(in RequestContext context, ulong node, int flags, bool killSuidSgid, out FuseOpenOut reply)
    {
        reply = default;
        return 0;
    }

    public override int Read(in RequestContext context, ulong node, ulong handle, long offset, Span<byte> destination)
    {
        if (BeforeRead?.Invoke() is < 0 and var failed)
            return failed;
        if (offset >= Content.Length)
            return 0;
        int count = Math.Min(destination.Length, Content.Length - (int)offset);
        Content.Slice((int)offset, count).CopyTo(destination);
        return count;
    }

    public override int OpenDirectory(in RequestContext context, ulong node, int flags, out FuseOpenOut reply)
    {
        reply = default;
        return 0;
    }

    public override int ReadDirectory(in RequestContext context, ulong node, ulong handle, ulong offset, ref DirectoryWriter writer)
    {
        if (offset > 0)
            return 0;
        if (writer.IsPlus)
        {
            Interlocked.Increment(ref References);
            writer.TryAddPlus("hello"u8, new FuseEntryOut { NodeId = FileNode, Attr = Attributes(FileNode) }, FileType.EntryRegular, 1);
        }
        else
            writer.TryAdd("hello"u8, FileNode, FileType.EntryRegular, 1);
        return 0;
    }

    private static FuseAttr Attributes(ulong node) => node == FileNode
        ? new FuseAttr { Ino = node, Mode = FileType.Regular | 0b100_100_100, Nlink = 1, Size = (ulong)Content.Length }
        : new FuseAttr { Ino = node, Mode = FileType.Directory | 0b101_101_101, Nlink = 2 };
}
