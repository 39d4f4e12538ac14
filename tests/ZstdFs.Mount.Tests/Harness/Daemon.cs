using System.Diagnostics;
using System.Text;

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>A running <c>zstdfs mount -f</c> and what it said.</summary>
internal sealed class Daemon : IDisposable
{
    // What a daemon says of an exception that nothing was prepared for, and what .NET says of one that ends it.
    private const string Unexpected = "unexpected, a fault of zstdfs", Unhandled = "Unhandled exception.";

    private readonly Lock _gate = new(); // guards _log
    private readonly StringBuilder _log = new();
    private readonly Process _process;

    internal Daemon(IReadOnlyList<string> command, ShellUser user)
    {
        _process = Process.Start(Shell.StartInfo(command, user))
            ?? throw new InvalidOperationException("zstdfs did not start");
        _process.StandardInput.Close();
        _process.OutputDataReceived += (_, e) => Add(e.Data);
        _process.ErrorDataReceived += (_, e) => Add(e.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    internal int ProcessId => _process.Id;

    internal bool HasEnded => _process.HasExited;

    /// <summary>Everything that it wrote so far.</summary>
    internal string Log
    {
        get
        {
            lock (_gate)
                return _log.ToString();
        }
    }

    internal bool WaitUntilServing() =>
        Waiting.For(() => HasEnded || Log.Contains("' is mounted on '", StringComparison.Ordinal)) && !HasEnded;

    /// <summary>Its exit code, once it has ended.</summary>
    internal int WaitForEnd(TimeSpan? limit = null)
    {
        if (!_process.WaitForExit(Patience.For(limit ?? TimeSpan.FromSeconds(60))))
            throw new TimeoutException($"the daemon {ProcessId} did not end\n{Log}");
        _process.WaitForExit(); // for the rest of its output
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

    public void Dispose() => _process.Dispose();

    private void Add(string? line)
    {
        if (line is null)
            return;
        lock (_gate)
            _log.Append(line).Append('\n');
        if (line.Contains(Unexpected, StringComparison.Ordinal) || line.Contains(Unhandled, StringComparison.Ordinal))
            UnexpectedFailures.Note(line);
    }
}
