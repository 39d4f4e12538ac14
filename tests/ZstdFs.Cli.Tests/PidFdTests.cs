using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Tests;

/// <summary>How a process that is no child of this one ended.</summary>
[TestFixture]
internal sealed class PidFdTests
{
    private const long SetCapabilities = 126; // capset(2)

    [Test]
    public void CodeThatTheKernelHides_IsNotSuccess()
    {
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("only root has capabilities to give up");
        // sleep(1) never collects what the shell before it began.
        var start = new ProcessStartInfo("sh", ["-c", "sh -c 'exit 3' & echo $!; exec sleep 600"])
        {
            RedirectStandardOutput = true
        };
        using Process parent = Process.Start(start)!;
        try
        {
            int pid = int.Parse(parent.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
            Assert.That(PidFd.Open(pid, out FileDescriptor process), Is.GreaterThanOrEqualTo(0));
            using (process)
            {
                Assert.That(PidFd.WaitForEnd(process, 60_000), Is.EqualTo(1));
                int hidden = 0;
                var thread = new Thread(() =>
                {
                    GiveUpCapabilities();
                    hidden = PidFd.ExitCode(process, pid);
                });
                thread.Start();
                thread.Join();
                Assert.That(hidden, Is.Negative);
                Assert.That(PidFd.ExitCode(process, pid), Is.EqualTo(3));
            }
        }
        finally
        {
            parent.Kill();
        }
    }

    // Of the calling thread alone.
    private static void GiveUpCapabilities() =>
        Assert.That(Call(SetCapabilities, [0x20080522, 0], new int[6]), Is.Zero);

    [DllImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static extern long Call(long number, int[] header, int[] data);
}
