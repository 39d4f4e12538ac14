using System.Runtime.InteropServices;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// Keeps the idle processors of a virtual machine awake while requests follow each other closely. A request costs two
/// wake-ups, of the daemon and of its caller. To wake a halted virtual processor takes its host 20 µs and more; to
/// wake a polling one takes 1 µs.
/// </summary>
internal sealed class IdlePolling : IDisposable
{
    // Linux, Documentation/power/pm_qos_interface: four bytes say how many µs a wake-up may take; −1 says that it
    // does not matter. The request holds while the device is open.
    private const string LatencyDevice = "/dev/cpu_dma_latency";
    private const int AtOnce = 0, Whenever = -1;

    // Physical processors have idle states that they leave within 1 µs, and their governor picks those. A guest has
    // only "halt" and "poll".
    private const string IdleDriver = "/sys/devices/system/cpu/cpuidle/current_driver";
    private const string GuestDriver = "haltpoll";
    private const string GuestPollsNs = "/sys/module/haltpoll/parameters/guest_halt_poll_ns";

    // All processors poll, and only two of them gain by it.
    private const int MostProcessors = 8;

    private readonly FileStream _latency;

    private IdlePolling(FileStream latency) => _latency = latency;

    /// <summary>
    /// Null where polling would gain nothing, or where the device's mode does not let this user open it.
    /// </summary>
    internal static IdlePolling? Open()
    {
        if (Environment.ProcessorCount > MostProcessors)
            return null;
        try
        {
            if (File.ReadAllText(IdleDriver).Trim() != GuestDriver || File.ReadAllText(GuestPollsNs).Trim() != "0")
                return null;
            return new IdlePolling(
                new FileStream(LatencyDevice, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0));
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
            // The latency is only a wish.
        }
    }

    public void Dispose() => _latency.Dispose();
}
