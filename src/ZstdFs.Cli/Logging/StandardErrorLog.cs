namespace ZstdFs.Cli.Logging;

/// <summary>Events for whoever started the mount in the foreground.</summary>
internal sealed class StandardErrorLog : EventLog
{
    protected override void Write(Severity severity, string message) =>
        Console.Error.WriteLine(severity == Severity.Information ? $"zstdfs: {message}" : $"zstdfs: {severity.ToString().ToLowerInvariant()}: {message}");
}
