using ZstdFs.Cli.Options;
using ZstdFs.Core;

namespace ZstdFs.Cli.Logging;

/// <summary>How much an event matters; the values are syslog's.</summary>
internal enum Severity
{
    Error = 3,
    Warning = 4,
    Information = 6,
}

/// <summary>
/// Where a mount tells what happens to it: one event a line. Called from any thread. An event that cannot be written is
/// dropped: a full log disk must not stop the file system.
/// </summary>
internal abstract class EventLog : IEventLog, IDisposable
{
    private readonly Lock _gate = new(); // one event at a time reaches Write

    public void Information(string message) => Add(Severity.Information, message);

    public void Warning(string message) => Add(Severity.Warning, message);

    public void Error(string message) => Add(Severity.Error, message);

    public virtual void Dispose() { }

    /// <summary>Writes one event. <paramref name="message"/> is one line without control characters.</summary>
    protected abstract void Write(Severity severity, string message);

    private void Add(Severity severity, string message)
    {
        string line = NativeText.Printable(message);
        lock (_gate)
        {
            try
            {
                Write(severity, line);
            }
            catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException
                or UnauthorizedAccessException or ObjectDisposedException)
            {
                // Dropped, as the summary says.
            }
        }
    }
}
