using System.Runtime.InteropServices;
using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>Priority of threads.</summary>
public static class Scheduling
{
    private const int OfThread = 0;             // PRIO_PROCESS: Linux takes a thread for it
    private const int Nice = 10;
    private const int IoOfThread = 1;           // IOPRIO_WHO_PROCESS
    private const int LowestIo = 2 << 13 | 7;   // IOPRIO_CLASS_BE: a busy disk never serves the idle class

    /// <summary>
    /// The calling thread gives way to others, on the processor (nice 10) and on the disk (best effort, lowest), for
    /// good. A hint: an error does not matter.
    /// </summary>
    public static void LowerThread()
    {
        _ = LibcProcess.SetPriority(OfThread, 0, Nice);
        nint number = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => 251,
            Architecture.Arm64 => 30,
            _ => -1
        };
        if (number > 0)
            _ = LibcProcess.SetIoPriority(number, IoOfThread, 0, LowestIo);
    }
}
