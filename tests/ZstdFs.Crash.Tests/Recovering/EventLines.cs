using ZstdFs.Core;

namespace ZstdFs.Crash.Tests.Recovering;

/// <summary>Keeps what the file system says.</summary>
internal sealed class EventLines : IEventLog
{
    private readonly List<string> _lines = []; // guards itself

    public void Information(string message) => Add(message);

    public void Warning(string message) => Add(message);

    public void Error(string message) => Add("error: " + message);

    private void Add(string line)
    {
        lock (_lines)
            _lines.Add(line);
    }

    public override string ToString()
    {
        lock (_lines)
            return string.Join('\n', _lines);
    }
}
