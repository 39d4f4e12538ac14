using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Transport;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse;

/// <summary>
/// Tells the kernel to drop what it caches. Results are 0 or −errno. −ENOENT only says that the kernel did not hold
/// it, −ENAMETOOLONG that it cannot hold such a name. May be used from any thread, but a notification waits for the
/// kernel's own locks: one that drops pages waits for reads of these pages, one that drops a name waits for ops in that
/// folder. Never send one from within such an op, nor while holding a lock that such an op needs.
/// </summary>
public sealed class FuseNotifier
{
    private const int LongestName = 255;

    private readonly IFuseDevice _device;
    private readonly FuseSession _session;
    private volatile bool _canExpire;

    internal FuseNotifier(IFuseDevice device, FuseSession session) => (_device, _session) = (device, session);

    /// <summary>HAS_EXPIRE_ONLY was settled.</summary>
    internal bool CanExpire { set => _canExpire = value; }

    /// <summary>
    /// Drops attributes and, where <paramref name="offset"/> is 0 or more, pages of a node; length 0 or less reaches to
    /// the end.
    /// </summary>
    public int InvalidateInode(ulong node, long offset, long length) => Send(
        FuseNotifyCode.InvalidateInode,
        new FuseNotifyInvalInodeOut { Ino = node, Offset = offset, Length = length });

    /// <summary>Drops a name, so that the next use of it is looked up. −EBUSY where it is a mount point.</summary>
    public int InvalidateEntry(ulong parent, ReadOnlySpan<byte> name) => SendName(
        FuseNotifyCode.InvalidateEntry,
        new FuseNotifyInvalEntryOut { Parent = parent, NameLength = (uint)name.Length },
        name);

    /// <summary>
    /// Makes the kernel look a name up at its next use, and keep what is below it. On Linux before 6.2 the same as
    /// <see cref="InvalidateEntry"/>.
    /// </summary>
    public int ExpireEntry(ulong parent, ReadOnlySpan<byte> name) => SendName(
        FuseNotifyCode.InvalidateEntry,
        new FuseNotifyInvalEntryOut
        {
            Parent = parent,
            NameLength = (uint)name.Length,
            Flags = _canExpire ? FuseNotifyInvalEntryOut.ExpireOnly : 0,
        },
        name);

    /// <summary>Drops a name because its file was deleted, so that watchers hear of it.</summary>
    public int Delete(ulong parent, ulong child, ReadOnlySpan<byte> name) => SendName(
        FuseNotifyCode.Delete,
        new FuseNotifyDeleteOut { Parent = parent, Child = child, NameLength = (uint)name.Length },
        name);

    /// <summary>
    /// Wakes the programs that wait in poll(2), by the handle that <see cref="FuseFileSystem.Poll"/> was given.
    /// </summary>
    public int WakePollers(ulong pollHandle) =>
        Send(FuseNotifyCode.Poll, new FuseNotifyPollWakeupOut { KernelHandle = pollHandle });

    private int Send<T>(FuseNotifyCode code, in T body) where T : unmanaged
    {
        Span<byte> message = stackalloc byte[FuseOutHeader.Bytes + Unsafe.SizeOf<T>()];
        return Send(code, body, message);
    }

    private int SendName<T>(FuseNotifyCode code, in T body, ReadOnlySpan<byte> name) where T : unmanaged
    {
        if (name.Length > LongestName)
            return -(int)Errno.ENAMETOOLONG;
        int nameAt = FuseOutHeader.Bytes + Unsafe.SizeOf<T>();
        Span<byte> message = stackalloc byte[nameAt + LongestName + 1];
        name.CopyTo(message[nameAt..]);
        message[nameAt + name.Length] = 0;
        return Send(code, body, message[..(nameAt + name.Length + 1)]);
    }

    private int Send<T>(FuseNotifyCode code, in T body, Span<byte> message) where T : unmanaged
    {
        // The kernel takes a reply to request 0 as a notification: no request has that number.
        MemoryMarshal.Write(message, new FuseOutHeader { Length = (uint)message.Length, Error = (int)code });
        MemoryMarshal.Write(message[FuseOutHeader.Bytes..], in body);
        _session.NoteNotifying();
        try
        {
            return _device.Write(message);
        }
        finally
        {
            _session.NoteNotified();
        }
    }
}
