using System.Buffers.Binary;
using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>
/// A process held by descriptor, so that its number cannot be taken for another's. Results below zero are −errno.
/// </summary>
public static unsafe class PidFd
{
    private const int OpenNumber = 434;
    private const short Readable = 1, HungUp = 16;           // POLLIN, POLLHUP
    private const ulong GetInfo = 0xc040_ff0b;               // PIDFD_GET_INFO with the first, 64-byte struct pidfd_info
    private const int InfoBytes = 64, ExitCodeOffset = 60;
    private const ulong InfoExit = 8;                        // PIDFD_INFO_EXIT

    /// <summary>pidfd_open(2).</summary>
    public static int Open(int pid, out FileDescriptor process)
    {
        int result = SystemCallResult.From((int)LibcProcess.PidFdOpen(OpenNumber, pid, 0));
        process = result >= 0 ? new FileDescriptor(result) : null!;
        return result;
    }

    /// <summary>
    /// Waits until the process has ended; it need not be a child. Returns 1, or 0 when the time is over; −1 waits for
    /// ever.
    /// </summary>
    public static int WaitForEnd(FileDescriptor process, int timeoutMs) => Poll(process, Readable, timeoutMs);

    /// <summary>
    /// The exit code of a process that has ended (128 + signal for a killed one): from /proc until its parent collects
    /// it, from the descriptor afterwards, since Linux 6.15. −errno where neither tells; −EACCES where the process is
    /// not collected and the kernel hides its code from this one.
    /// </summary>
    public static int ExitCode(FileDescriptor process, int pid)
    {
        const int HandOverMs = 100; // for a moment in between neither tells
        int uncollected = UncollectedExitCode(pid);
        return uncollected >= 0 || Poll(process, 0, HandOverMs) <= 0 ? uncollected : CollectedExitCode(process);
    }

    // Field 52 of proc_pid_stat(5); the second one is a name in parentheses that may hold anything.
    private static int UncollectedExitCode(int pid)
    {
        const int StateField = 3, ExitCodeField = 52;
        try
        {
            // Before the line is read: a process that is collected in between has no line.
            bool mayTrace = MayTrace(pid);
            string line = File.ReadAllText($"/proc/{pid}/stat");
            string[] fields = line[(line.LastIndexOf(')') + 2)..].Split(' ');
            if (fields[0] != "Z" || !int.TryParse(fields[ExitCodeField - StateField], out int status))
                return -(int)Errno.ENODATA;
            // A process that may not trace this one is shown 0 whatever the code is.
            return status == 0 && !mayTrace ? -(int)Errno.EACCES : ExitStatus.Decode(status);
        }
        catch (IOException)
        {
            return -(int)Errno.ESRCH;
        }
    }

    // The kernel asks for the same right before it follows this link, which leads nowhere once the process has ended.
    private static bool MayTrace(int pid)
    {
        Span<byte> target = stackalloc byte[1];
        byte[] link = System.Text.Encoding.ASCII.GetBytes($"/proc/{pid}/cwd\0");
        if (SystemCallsAt.Open(new NativeName("/\0"u8), OpenFlags.PathOnly, out FileDescriptor root) < 0)
            return false;
        using (root)
            return SystemCallsAt.ReadLink(root, new NativeName(link), target) is >= 0 or -(int)Errno.ENOENT;
    }

    private static int CollectedExitCode(FileDescriptor process)
    {
        Span<byte> info = stackalloc byte[InfoBytes];
        info.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(info, InfoExit);
        int result = SystemCallsFile.IoControl(process, GetInfo, info);
        if (result < 0)
            return result;
        return (BinaryPrimitives.ReadUInt64LittleEndian(info) & InfoExit) == 0
            ? -(int)Errno.ENODATA
            : ExitStatus.Decode(BinaryPrimitives.ReadInt32LittleEndian(info[ExitCodeOffset..]));
    }

    private static int Poll(FileDescriptor process, short events, int timeoutMs)
    {
        bool held = false;
        try
        {
            process.DangerousAddRef(ref held);
            var descriptor = new PollDescriptor { Number = process.Number, Events = events };
            int result;
            do
                result = SystemCallResult.From(LibcProcess.Poll(&descriptor, 1, timeoutMs));
            while (result == -(int)Errno.EINTR);
            return result > 0 && events == 0 && (descriptor.Returned & HungUp) == 0 ? 0 : result;
        }
        finally
        {
            if (held)
                process.DangerousRelease();
        }
    }
}
