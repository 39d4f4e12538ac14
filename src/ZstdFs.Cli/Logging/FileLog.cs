using System.Globalization;
using System.Text;

namespace ZstdFs.Cli.Logging;

/// <summary>Events in a file of their own, each appended with one write, so that the file may be truncated or shared.</summary>
internal sealed class FileLog : EventLog
{
    private readonly FileStream _file;

    /// <summary>Opens or creates <paramref name="path"/>, an absolute path.</summary>
    internal FileLog(string path)
    {
        try
        {
            _file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.Append,
                Access = FileAccess.Write,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
                // Errors name files.
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure(ExitCode.Failure, $"cannot write the log file '{path}' ({e.Message}): name another with --log-file");
        }
    }

    public override void Dispose()
    {
        _file.Dispose();
        base.Dispose();
    }

    protected override void Write(Severity severity, string message)
    {
        string time = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        _file.Write(Encoding.UTF8.GetBytes($"{time} {severity.ToString().ToLowerInvariant(),-11} {message}\n"));
    }
}
