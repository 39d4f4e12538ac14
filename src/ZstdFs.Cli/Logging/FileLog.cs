using System.Globalization;
using System.Text;
using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Logging;

/// <summary>
/// Events in a file of their own. Each event is appended with one write (O_APPEND): several mounts may share the file,
/// and a log rotation may truncate it at any time.
/// </summary>
internal sealed class FileLog : EventLog
{
    // Only the owner may read the log: its errors name files.
    private const uint OwnerOnly = 0b110_000_000;

    private readonly FileDescriptor _file;

    /// <summary>Opens or creates <paramref name="path"/>, an absolute path.</summary>
    internal FileLog(string path)
    {
        // A pipe would make its opener wait for a reader, and lose what comes while none is there.
        const int Flags = OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Append | OpenFlags.NonBlocking
            | OpenFlags.NoControllingTerminal;
        int result = SystemCallsAt.Open(
            new NativeName(NativeText.EncodeTerminated(path)), Flags, OwnerOnly, out _file);
        if (result >= 0 && SystemCallsAt.Stat(_file, out Statx stat) >= 0 && stat.FileType == FileType.Pipe)
        {
            _file.Dispose();
            result = -(int)Errno.ESPIPE;
        }
        if (result < 0)
            throw new CommandFailure(ExitCode.Failure,
                $"cannot write the log file '{path}' ({(Errno)(-result)}): name another with --log-file");
    }

    public override void Dispose()
    {
        _file.Dispose();
        base.Dispose();
    }

    protected override void Write(Severity severity, string message)
    {
        string time = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        // A terminal takes no write at an offset.
        _ = SystemCallsFile.Write(
            _file, Encoding.UTF8.GetBytes($"{time} {severity.ToString().ToLowerInvariant(),-11} {message}\n"));
    }
}
