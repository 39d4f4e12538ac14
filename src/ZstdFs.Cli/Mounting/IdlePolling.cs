using System.Runtime.InteropServices;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// Processors of a virtual machine that wait awake while requests follow each other closely. A request costs two wake-ups, of the daemon and of its
/// caller; to wake a halted virtual processor takes its host 20 µs and more, a polling one 1 µs.
/// </summary>
internal sealed class IdlePolling : IDisposable
{
    // Linux, Documentation/power/pm_qos_interface: four bytes say how many µs a wake-up may take, −1 that it does not matter. Holds while it is open.
    private const string LatencyDevice = "/dev/cpu_dma_latency";
    private const int AtOnce = 0, Whenever = -1;

    // Physical processors have states to wait in that are left within 1 µs, and their governor finds them; a guest has only "halt" and "poll".
    private const string IdleDriver = "/sys/devices/system/cpu/cpuidle/current_driver";
    private const string GuestDriver = "haltpoll";
    private const string GuestPollsNs = "/sys/module/haltpoll/parameters/guest_halt_poll_ns";

    // All of them poll, and two of them gain by it.
    private const int MostProcessors = 8;

    private readonly FileStream _latency;

    private IdlePolling(FileStream latency) => _latency = latency;

    /// <summary>Null where it would gain nothing, or is not allowed: for root, or whom the device's mode lets.</summary>
    internal static IdlePolling? Open()
    {
        if (Environment.ProcessorCount > MostProcessors)
            return null;
        try
        {
            if (File.ReadAllText(IdleDriver).Trim() != GuestDriver || File.ReadAllText(GuestPollsNs).Trim() != "0")
                return null;
            return new IdlePolling(new FileStream(LatencyDevice, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>Requests follow each other closely, or no longer.</summary>
    internal void Follow(bool isBurst) => Ask(isBurst ? AtOnce : Whenever);

    private void Ask(int microseconds)
    {
        try
        {
            _latency.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in microseconds)));
        }
        catch (IOException)
        {
            // A wish, nothing else.
        }
    }

    public void Dispose() => _latency.Dispose();
}
