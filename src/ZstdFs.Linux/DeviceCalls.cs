using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>read(2) and write(2) of a message device: one call is one message. Results below zero are −errno.</summary>
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

    /// <summary>Two connected descriptors that carry whole messages (SOCK_SEQPACKET): a device whose other side can be scripted. Returns 0.</summary>
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
