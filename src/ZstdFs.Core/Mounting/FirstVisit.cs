using System.Buffers.Binary;
using ZstdFs.Core.FileSystem;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Lists the root folder and opens the first file in it, as a visitor of the mount would. The first visitor then finds
/// loaded what its ops need; loading takes longer than the disk does. Nothing is read of the file, and failures are not
/// reported.
/// </summary>
internal sealed class FirstVisit(ZstdFileSystem fileSystem)
{
    private const ulong Root = 1;
    private const int ListedBytes = 4096;

    // struct fuse_dirent: inode number, offset, length of the name, type; then the name, up to a multiple of eight
    // bytes.
    private const int NameLengthAt = 16, TypeAt = 20, NameAt = 24;
    private const uint RegularType = 8; // DT_REG

    private readonly RequestContext _visitor =
        new(0, Credentials.UserId, Credentials.GroupId, (uint)Environment.ProcessId);

    internal void Run()
    {
        if (fileSystem.OpenDirectory(_visitor, Root, OpenFlags.ReadOnly, out FuseOpenOut folder) < 0)
            return;
        byte[] entries = new byte[ListedBytes];
        var writer = new DirectoryWriter(entries, plus: false);
        int result = fileSystem.ReadDirectory(_visitor, Root, folder.Handle, 0, ref writer);
        int length = writer.BytesWritten;
        fileSystem.ReleaseDirectory(_visitor, Root, folder.Handle);
        if (result >= 0 && FirstFile(entries.AsSpan(0, length)) is { } name)
            Visit(name);
    }

    private static byte[]? FirstFile(ReadOnlySpan<byte> entries)
    {
        while (entries.Length > NameAt)
        {
            int nameBytes = BinaryPrimitives.ReadInt32LittleEndian(entries[NameLengthAt..]);
            if (BinaryPrimitives.ReadUInt32LittleEndian(entries[TypeAt..]) == RegularType)
                return [.. entries.Slice(NameAt, nameBytes), 0];
            entries = entries[((NameAt + nameBytes + 7) & ~7)..];
        }
        return null;
    }

    private void Visit(byte[] name)
    {
        if (fileSystem.Lookup(_visitor, Root, new NativeName(name), out FuseEntryOut entry) < 0 || entry.NodeId == 0)
            return;
        _ = fileSystem.GetAttributes(_visitor, entry.NodeId, FuseFileSystem.NoHandle, out _);
        // Not even an empty read: it would look into the frames, and a real reader is to meet what is wrong there.
        if (fileSystem.Open(
            _visitor, entry.NodeId, OpenFlags.ReadOnly | OpenFlags.NoAccessTime, killSuidSgid: false,
            out FuseOpenOut file) >= 0)
            fileSystem.Release(_visitor, entry.NodeId, file.Handle, 0);
        fileSystem.Forget(entry.NodeId, 1);
    }
}
