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

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint NativeRead(FileDescriptor file, byte* buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint NativeWrite(FileDescriptor file, byte* buffer, nuint size);
}
