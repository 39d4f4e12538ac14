namespace ZstdFs.Cli.Logging;

/// <summary>Events on standard error: of a mount in the foreground, and of a tool that waits for its source.</summary>
internal sealed class StandardErrorLog : EventLog
{
    protected override void Write(Severity severity, string message) =>
        Console.Error.WriteLine(severity == Severity.Information
            ? $"zstdfs: {message}"
            : $"zstdfs: {severity.ToString().ToLowerInvariant()}: {message}");
}
