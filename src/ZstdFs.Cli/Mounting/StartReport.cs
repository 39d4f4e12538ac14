using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using ZstdFs.Cli.Logging;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// What a starting daemon tells the command that started it, through a pipe: lines "W message" for the user, then
/// either "R" (the mount serves) or "F code message". Where the pipe ends without either, the daemon has died.
/// </summary>
internal sealed class StartReport : IDisposable
{
    private readonly Lock _gate = new(); // guards _pipe
    private FileStream? _pipe;

    /// <summary>The daemon's end: the descriptor that <see cref="ProcessSpawn.Detached"/> passed.</summary>
    internal static StartReport Inherited() => new() { _pipe = OpenInherited() };

    /// <summary>For a mount that no command waits for.</summary>
    internal static StartReport None() => new();

    /// <summary>The command that started this daemon still waits for it. True also where no command waits.</summary>
    internal bool IsAwaited
    {
        get
        {
            lock (_gate)
            {
                if (_pipe is null)
                    return true;
                // The kernel reports an error on a pipe's writing end when its last reader is gone.
                return ProcessSpawn.HasReader(_pipe.SafeFileHandle);
            }
        }
    }

    /// <summary>Something that the user should know before the command returns.</summary>
    internal void Say(string message) => Write($"W {message}\n", last: false);

    /// <summary>The mount serves.</summary>
    internal void Serving() => Write("R\n", last: true);

    /// <summary>There will be no mount.</summary>
    internal void Failed(ExitCode code, string message) =>
        Write(string.Create(CultureInfo.InvariantCulture, $"F {(int)code} {message}\n"), last: true);

    public void Dispose()
    {
        lock (_gate)
        {
            _pipe?.Dispose();
            _pipe = null;
        }
    }

    /// <summary>
    /// The waiting command's end. Returns when the daemon serves; throws the daemon's reason when it does not.
    /// </summary>
    internal static void Await(Stream pipe, int daemon, TextWriter words)
    {
        using var reader = new StreamReader(pipe, Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            if (line == "R")
                return;
            if (line.StartsWith("W ", StringComparison.Ordinal))
                words.WriteLine("zstdfs: " + line[2..]);
            else if (line.Split(' ', 3) is ["F", var code, var message]
                && int.TryParse(code, CultureInfo.InvariantCulture, out int number))
                throw new CommandFailure((ExitCode)number, message);
        }
        int status = ProcessSpawn.Wait(daemon);
        throw new CommandFailure(ExitCode.Failure,
            $"the daemon ended before it served (status {status}): run 'zstdfs mount -f …' to see why, or give it a "
                + "--log-file");
    }

    private static FileStream OpenInherited() =>
        new(new SafeFileHandle(ProcessSpawn.PassedDescriptor, ownsHandle: true), FileAccess.Write, bufferSize: 0);

    private void Write(string line, bool last)
    {
        lock (_gate)
        {
            try
            {
                _pipe?.Write(Encoding.UTF8.GetBytes(line));
            }
            catch (IOException)
            {
                // The command that started this daemon is gone; the mount goes on without it.
            }
            if (last)
                Dispose();
        }
    }
}

/// <summary>
/// Events of a mount that starts in the background. They go into its log, and until it serves also to the waiting user.
/// </summary>
internal sealed class StartingLog(EventLog log, StartReport report) : EventLog
{
    public override void Dispose()
    {
        log.Dispose();
        base.Dispose();
    }

    protected override void Write(Severity severity, string message)
    {
        switch (severity)
        {
            case Severity.Error:
                log.Error(message);
                break;
            case Severity.Warning:
                log.Warning(message);
                break;
            default:
                log.Information(message);
                break;
        }
        report.Say(message);
    }
}
