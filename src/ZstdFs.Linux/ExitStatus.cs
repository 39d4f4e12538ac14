namespace ZstdFs.Linux;

/// <summary>How a process ended.</summary>
internal static class ExitStatus
{
    /// <summary>
    /// The exit code in a wait status, or 128 + the signal that ended the process, as shells have it.
    /// </summary>
    internal static int Decode(int status)
    {
        int signal = status & 0x7f;
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal;
    }
}
