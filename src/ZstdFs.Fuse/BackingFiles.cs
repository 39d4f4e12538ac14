using System.Buffers.Binary;
using ZstdFs.Fuse.Transport;
using ZstdFs.Linux;

namespace ZstdFs.Fuse;

/// <summary>
/// Registers backing files (FUSE_PASSTHROUGH): files of other file systems that the kernel reads, writes and maps by
/// itself for programs that have a file of the mount open. An answer to OPEN with FOPEN_PASSTHROUGH names a backing
/// file by its id. May be used from any thread, and waits for nothing.
/// </summary>
/// <remarks>
/// While a file is open so, every further open of it must be answered with the same id, or fails with EIO. The kernel
/// sends no READ and WRITE requests for it, but all others. RELEASE is not the end: a mapping made before goes on. The
/// mode in which the backing file was opened does not restrict the kernel.
/// </remarks>
public sealed class BackingFiles
{
    // _IOW(229, 1, struct fuse_backing_map) and _IOW(229, 2, uint32_t)
    private const uint OpenCommand = 0x4010E501, CloseCommand = 0x4004E502;
    private const int MapBytes = 16;

    private readonly IFuseDevice _device;

    internal BackingFiles(IFuseDevice device) => _device = device;

    /// <summary>
    /// Registers an open file. Returns its id, above 0, or −errno: −EPERM without CAP_SYS_ADMIN, −ELOOP where its
    /// file system is itself a stack of others, −EOPNOTSUPP where the kernel cannot. The descriptor may be closed
    /// before the id is.
    /// </summary>
    public int Open(FileDescriptor file)
    {
        Span<byte> map = stackalloc byte[MapBytes];
        map.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(map, file.Number);
        int result = _device.Control(OpenCommand, map);
        GC.KeepAlive(file);
        return result;
    }

    /// <summary>Gives an id back. Programs that have the file open go on. Returns 0 or −errno.</summary>
    public int Close(int id)
    {
        Span<byte> argument = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(argument, id);
        return _device.Control(CloseCommand, argument);
    }
}
