using System.Collections.Concurrent;
using System.Diagnostics;

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>A running <c>zstdfs mount -f</c> and what it said.</summary>
internal sealed class Daemon : IDisposable
{
    // What a daemon says of an exception that nothing was prepared for, and what .NET says of one that ends it.
    private const string Unexpected = "unexpected, a fault of zstdfs", Unhandled = "Unhandled exception.";

    // The shell becomes the command.
    private const string IntoFile = "exec \"$@\" >> \"$0\" 2>&1";

    private static readonly ConcurrentDictionary<Daemon, bool> NotDisposed = new();

    // A line is in a file as soon as the daemon has written it. Out of a pipe a thread of this process would have to
    // read it first, and a test on a busy machine may look before that.
    private readonly string _output = Path.Combine(RunFolder.Path, $"output-{Guid.NewGuid():n}");
    private readonly Process _process;
    private int _linesLookedAt;

    internal Daemon(IReadOnlyList<string> command, ShellUser user)
    {
        File.WriteAllText(_output, "");
        File.SetUnixFileMode(_output, (UnixFileMode)0b110_110_110);
        _process = Process.Start(Shell.StartInfo(["sh", "-c", IntoFile, _output, .. command], user))
            ?? throw new InvalidOperationException("zstdfs did not start");
        _process.StandardInput.Close();
        NotDisposed[this] = true;
    }

    internal int ProcessId => _process.Id;

    internal bool HasEnded => _process.HasExited;

    /// <summary>Everything that it wrote so far.</summary>
    internal string Log => File.ReadAllText(_output);

    internal bool WaitUntilServing() =>
        Waiting.For(() => HasEnded || Log.Contains("' is mounted on '", StringComparison.Ordinal)) && !HasEnded;

    /// <summary>Its exit code, once it has ended.</summary>
    internal int WaitForEnd(TimeSpan? limit = null)
    {
        if (!_process.WaitForExit(Patience.For(limit ?? TimeSpan.FromSeconds(60))))
            throw new TimeoutException($"the daemon {ProcessId} did not end\n{Log}");
        return _process.ExitCode;
    }

    /// <summary>Sends a signal by name, such as "TERM".</summary>
    internal void Signal(string name) => Shell.Get($"kill -{name} {ProcessId}");

    /// <summary>SIGKILL, as the out-of-memory killer would.</summary>
    internal void Kill()
    {
        if (!HasEnded)
            _process.Kill();
        WaitForEnd();
    }

    /// <summary>Has <see cref="UnexpectedFailures"/> note what daemons have said since the last call.</summary>
    internal static void NoteUnexpected()
    {
        foreach (Daemon daemon in NotDisposed.Keys)
            daemon.LookForUnexpected();
    }

    public void Dispose()
    {
        if (!NotDisposed.TryRemove(this, out _))
            return;
        // It may wait for something that its test did not do, because the test failed.
        if (!HasEnded)
            _process.Kill(entireProcessTree: true);
        LookForUnexpected();
        _process.Dispose();
        File.Delete(_output);
    }

    private void LookForUnexpected()
    {
        bool isWhole = HasEnded;
        string[] lines = Log.Split('\n');
        // While it runs, the last line may still grow.
        for (int end = isWhole ? lines.Length : lines.Length - 1; _linesLookedAt < end; _linesLookedAt++)
        {
            string line = lines[_linesLookedAt];
            if (line.Contains(Unexpected, StringComparison.Ordinal)
                || line.Contains(Unhandled, StringComparison.Ordinal))
                UnexpectedFailures.Note(line);
        }
    }
}
