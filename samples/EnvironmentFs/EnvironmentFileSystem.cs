using System.Collections;
using System.Text;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Samples.EnvironmentFs;

/// <summary>One folder. Each environment variable is a file that holds its value and a line feed.</summary>
internal sealed class EnvironmentFileSystem : FuseFileSystem
{
    private const ulong Root = 1;            // the kernel's number of the root node
    private const ulong FirstFile = Root + 1;
    private const ulong ForAnHour = 3600;    // nothing changes: the kernel may keep what it is told

    private readonly (byte[] Name, byte[] Content)[] _files =
    [
        .. Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Select(variable => (Name: (string)variable.Key, Value: variable.Value as string))
            .Where(variable => !variable.Name.Contains('/')) // no file can be called so
            .OrderBy(variable => variable.Name, StringComparer.Ordinal)
            .Select(variable => (Encoding.UTF8.GetBytes(variable.Name), Encoding.UTF8.GetBytes(variable.Value + "\n"))),
    ];

    /// <summary>The kernel asks for a name that it does not know yet.</summary>
    public override int Lookup(in RequestContext context, ulong parent, NativeName name, out FuseEntryOut entry)
    {
        for (int i = 0; parent == Root && i < _files.Length; i++)
        {
            if (name.Bytes.SequenceEqual(_files[i].Name))
            {
                entry = Entry(FirstFile + (ulong)i);
                return 0;
            }
        }
        entry = default;
        return -(int)Errno.ENOENT;
    }

    public override int GetAttributes(in RequestContext context, ulong node, ulong handle, out FuseAttrOut attributes)
    {
        attributes = new FuseAttrOut { Attr = Attributes(node), AttrValid = ForAnHour };
        return 0;
    }

    /// <summary>A handle of 0 will do: READ names the node as well.</summary>
    public override int Open(in RequestContext context, ulong node, int flags, bool killSuidSgid, out FuseOpenOut reply)
    {
        reply = new FuseOpenOut { OpenFlags = OpenReplyFlags.KeepCache };
        return 0;
    }

    public override int Read(in RequestContext context, ulong node, ulong handle, long offset, Span<byte> destination)
    {
        ReadOnlySpan<byte> content = _files[node - FirstFile].Content;
        if (offset >= content.Length)
            return 0;
        content = content[(int)offset..];
        content = content[..Math.Min(content.Length, destination.Length)];
        content.CopyTo(destination);
        return content.Length;
    }

    public override int OpenDirectory(in RequestContext context, ulong node, int flags, out FuseOpenOut reply)
    {
        reply = default;
        return 0;
    }

    /// <summary>The kernel asks again, with the offset of the last entry that it took, until it gets none.</summary>
    public override int ReadDirectory(
        in RequestContext context, ulong node, ulong handle, ulong offset, ref DirectoryWriter writer)
    {
        for (ulong i = offset; i < 2 + (ulong)_files.Length; i++)
        {
            bool isDots = i < 2;
            ulong found = isDots ? Root : FirstFile + (i - 2);
            ReadOnlySpan<byte> name = i == 0 ? "."u8 : i == 1 ? ".."u8 : _files[i - 2].Name;
            uint type = (isDots ? FileType.Directory : FileType.Regular) >> 12;
            bool isAdded = writer.IsPlus
                ? writer.TryAddPlus(name, Entry(found), type, i + 1) // spares the kernel a LOOKUP
                : writer.TryAdd(name, found, type, i + 1);
            if (!isAdded)
                break;
        }
        return 0;
    }

    private FuseEntryOut Entry(ulong node) =>
        new() { NodeId = node, Attr = Attributes(node), EntryValid = ForAnHour, AttrValid = ForAnHour };

    private FuseAttr Attributes(ulong node) => new()
    {
        Ino = node,
        Mode = node == Root ? FileType.Directory | 0x16D : FileType.Regular | 0x124, // r-xr-xr-x, r--r--r--
        Nlink = node == Root ? 2u : 1u,
        Size = node == Root ? 0 : (ulong)_files[node - FirstFile].Content.Length,
        Uid = Credentials.UserId,
        Gid = Credentials.GroupId,
        Blksize = 4096,
    };
}
