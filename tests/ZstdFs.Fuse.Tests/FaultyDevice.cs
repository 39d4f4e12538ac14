using System.Buffers.Binary;
using System.Collections.Concurrent;
using ZstdFs.Fuse.Transport;

namespace ZstdFs.Fuse.Tests;

/// <summary>
/// A device whose reads and writes fail when the test says so, as the kernel's do and a socket's do not.
/// </summary>
internal sealed class FaultyDevice(IFuseDevice device) : IFuseDevice
{
    /// <summary>What the next reads return (−errno) instead of waiting for a request.</summary>
    internal ConcurrentQueue<int> ReadErrors { get; } = new();

    /// <summary>What the next writes return (−errno); their message is lost.</summary>
    internal ConcurrentQueue<int> WriteErrors { get; } = new();

    public int Read(Span<byte> message) => ReadErrors.TryDequeue(out int error) ? error : device.Read(message);

    /// <summary>Where it is set, notifications wait for it, as they do for pages that the kernel holds.</summary>
    internal ManualResetEventSlim? HoldsNotifications { get; set; }

    public int Write(ReadOnlySpan<byte> message)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(message[8..]) == 0)
            HoldsNotifications?.Wait();
        return WriteErrors.TryDequeue(out int error) ? error : device.Write(message);
    }

    public void WaitForInput(int timeoutMs) => device.WaitForInput(timeoutMs);

    public int Control(uint command, Span<byte> argument) => device.Control(command, argument);
}
