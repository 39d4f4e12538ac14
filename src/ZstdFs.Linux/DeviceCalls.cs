using System.Runtime.InteropServices;
using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>
/// read(2) and write(2) of a message device: one call is one message. Results below zero are −errno.
/// </summary>
public static unsafe partial class DeviceCalls
{
    /// <summary>The next message. Returns its length.</summary>
    public static int Read(FileDescriptor device, Span<byte> message)
    {
        fixed (byte* p = message)
            return (int)SystemCallResult.From((long)NativeRead(device, p, (nuint)message.Length));
    }

    /// <summary>Sends one message. Returns 0.</summary>
    public static int Write(FileDescriptor device, ReadOnlySpan<byte> message)
    {
        fixed (byte* p = message)
            return (int)Math.Min(0, SystemCallResult.From((long)NativeWrite(device, p, (nuint)message.Length)));
    }

    /// <summary>
    /// poll(2) for something to read. Returns 1 when there is, or when the other side is gone; 0 when the time is up.
    /// </summary>
    public static int WaitForInput(FileDescriptor device, int timeoutMs)
    {
        const short Readable = 1; // POLLIN
        bool held = false;
        try
        {
            device.DangerousAddRef(ref held);
            var descriptor = new PollDescriptor { Number = device.Number, Events = Readable };
            return SystemCallResult.From(LibcProcess.Poll(&descriptor, 1, timeoutMs));
        }
        finally
        {
            if (held)
                device.DangerousRelease();
        }
    }

    /// <summary>
    /// Two connected descriptors that carry whole messages (SOCK_SEQPACKET): a device whose other side can be scripted.
    /// Returns 0.
    /// </summary>
    public static int CreatePair(out FileDescriptor first, out FileDescriptor second)
    {
        const int Unix = 1, SequencedPackets = 5, CloseOnExec = 0x80000;
        int* pair = stackalloc int[2] { -1, -1 };
        int result = SystemCallResult.From(SocketPair(Unix, SequencedPackets | CloseOnExec, 0, pair));
        first = new FileDescriptor(pair[0]);
        second = new FileDescriptor(pair[1]);
        return result;
    }

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int SocketPair(int domain, int type, int protocol, int* pair);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint NativeRead(FileDescriptor file, byte* buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint NativeWrite(FileDescriptor file, byte* buffer, nuint size);
}
