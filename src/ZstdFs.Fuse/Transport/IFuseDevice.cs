namespace ZstdFs.Fuse.Transport;

/// <summary>
/// The line to the kernel: one read is one request, one write is one reply or notification. Another transport, or a
/// test that injects faults, implements only this. Results below zero are −errno. Several threads use it at once.
/// </summary>
internal interface IFuseDevice
{
    /// <summary>Waits for the next request. Returns its length; 0 when the other side hung up.</summary>
    int Read(Span<byte> message);

    /// <summary>Sends one message. Returns 0.</summary>
    int Write(ReadOnlySpan<byte> message);

    /// <summary>Waits until a read need not wait, or the time is up.</summary>
    void WaitForInput(int timeoutMs);

    /// <summary>ioctl(2). Returns what the kernel answers.</summary>
    int Control(uint command, Span<byte> argument);
}
