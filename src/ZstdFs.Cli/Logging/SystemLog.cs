using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ZstdFs.Cli.Logging;

/// <summary>
/// Events for the machine's own log (syslog or the journal): RFC 3164 datagrams to /dev/log. Where that does not exist,
/// they are dropped.
/// </summary>
internal sealed class SystemLog : EventLog
{
    private const int DaemonFacility = 3 << 3;
    private static readonly UnixDomainSocketEndPoint Address = new("/dev/log");

    // Made with the first event, which most mounts have once they serve: their start does not wait for .NET's sockets.
    private readonly Lazy<Socket> _socket = new(
        () => new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false });
    private readonly string _mount;

    /// <summary>
    /// Every event is prefixed with <paramref name="mount"/>: one machine has many mounts and one log.
    /// </summary>
    internal SystemLog(string mount) => _mount = mount;

    public override void Dispose()
    {
        if (_socket.IsValueCreated)
            _socket.Value.Dispose();
        base.Dispose();
    }

    protected override void Write(Severity severity, string message)
    {
        DateTime now = DateTime.Now;
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"<{DaemonFacility | (int)severity}>{now:MMM} {now.Day,2} {now:HH:mm:ss} zstdfs[{Environment.ProcessId}]: "
                + $"{_mount}: {message}");
        // Addressed each time: the log service may have been restarted since.
        _socket.Value.SendTo(Encoding.UTF8.GetBytes(line), Address);
    }
}
