using System.Buffers.Binary;
using System.Diagnostics;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>
/// What a busy mount asks of idle processors, by what the kernel says is asked of them in all: µs that a wake-up may
/// take.
/// </summary>
[CancelAfter(60_000)]
internal sealed class IdlePollingTests
{
    private const string Device = "/dev/cpu_dma_latency", Driver = "/sys/devices/system/cpu/cpuidle/current_driver",
        Polls = "/sys/module/haltpoll/parameters/guest_halt_poll_ns";
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(1);

    private static bool IsToBeAsked =>
        Environment.ProcessorCount <= 8 && File.Exists(Driver) && File.ReadAllText(Driver).Trim() == "haltpoll"
            && File.ReadAllText(Polls).Trim() == "0";

    [Test]
    public void BusyMount_AsksForPolling_AndAnIdleOneDoesNot()
    {
        using MountedFolder folder = Mount("idle=poll");
        Assert.That(Waiting.For(() => IsQuiet(folder)), "asked before anybody did anything");
        long least = long.MaxValue;
        KeepBusy(folder, () => least = Math.Min(least, Asked()));
        if (IsToBeAsked)
            Assert.That(least, Is.Zero, "µs");
        Assert.That(HasDeviceOpen(folder.Daemon.ProcessId), Is.EqualTo(IsToBeAsked));
        Assert.That(Waiting.For(() => IsQuiet(folder)), "still asked with nothing to do");
    }

    [Test]
    public void BusyMount_WithIdleHalt_AsksForNothing()
    {
        using MountedFolder folder = Mount("idle=halt");
        KeepBusy(folder, () => Assert.That(HasDeviceOpen(folder.Daemon.ProcessId), Is.False));
    }

    private static MountedFolder Mount(string option)
    {
        TestMachine.RequireRoot("reading what is asked of idle processors");
        MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["-o", $"cache_timeout=0,{option}"] });
        File.WriteAllText($"{folder.Mount}/file", "content");
        return folder;
    }

    private static void KeepBusy(MountedFolder folder, Action look)
    {
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < Busy;)
        {
            for (int i = 0; i < 100; i++)
                File.GetLastWriteTimeUtc($"{folder.Mount}/file");
            look();
        }
    }

    /// <summary>Nothing is asked in all, or another process may be the one that asks.</summary>
    private static bool IsQuiet(MountedFolder folder) => Asked() > 0 || Directory.GetDirectories("/proc").Any(process =>
        int.TryParse(Path.GetFileName(process), out int id) && id != folder.Daemon.ProcessId && HasDeviceOpen(id));

    private static bool HasDeviceOpen(int process)
    {
        try
        {
            return Directory.GetFiles($"/proc/{process}/fd").Any(file => new FileInfo(file).LinkTarget == Device);
        }
        catch (IOException)
        {
            // It has ended.
            return false;
        }
    }

    private static int Asked()
    {
        // The kernel answers with what is asked by all; who only reads asks for nothing.
        using var device = new FileStream(Device, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
        Span<byte> microseconds = stackalloc byte[sizeof(int)];
        device.ReadExactly(microseconds);
        return BinaryPrimitives.ReadInt32LittleEndian(microseconds);
    }
}
