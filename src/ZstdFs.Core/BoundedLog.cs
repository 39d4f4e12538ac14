namespace ZstdFs.Core;

/// <summary>
/// The event log as ops use it. A user of the mount can cause events at will, by reading a damaged file in a loop. So
/// each event is told once in a <see cref="Period"/>, and of all together no more than <see cref="MostEvents"/>: no
/// user can fill the log's disk. Events of a mount's start and end come here too.
/// </summary>
internal sealed class BoundedLog(IEventLog log, TimeProvider clock) : IEventLog
{
    internal const int MostEvents = 500, LongestMessage = 2048;

    /// <summary>Marks a line about an exception that nothing was prepared for.</summary>
    internal const string UnexpectedWords = "unexpected, a fault of zstdfs";

    internal static readonly TimeSpan Period = TimeSpan.FromHours(1);

    private readonly Lock _gate = new(); // guards what follows
    private readonly HashSet<(string Topic, ulong Version)> _told = [];
    private long _began = clock.GetTimestamp();
    private long _leftOut;
    private long _unexpectedFailures;

    public void Information(string message)
    {
        if (IsNew(message, 0))
            log.Information(Shorten(message));
    }

    public void Warning(string message)
    {
        if (IsNew(message, 0))
            log.Warning(Shorten(message));
    }

    public void Error(string message)
    {
        if (IsNew(message, 0))
            log.Error(Shorten(message));
    }

    /// <summary>
    /// An error about one version of a file. Within a period there is one line on a topic, until the file is another
    /// version.
    /// </summary>
    internal void Error(string message, string topic, ulong version)
    {
        if (IsNew(topic, version))
            log.Error(Shorten(message));
    }

    /// <summary>Exceptions that nothing was prepared for: each is a fault of this program.</summary>
    internal long UnexpectedFailures => Interlocked.Read(ref _unexpectedFailures);

    /// <summary>
    /// Counts an exception that nothing was prepared for, and tells of it. The first one is always told.
    /// </summary>
    /// <param name="where">What was under way: a file and an operation, or a thread's work.</param>
    /// <param name="exception">What ended it.</param>
    internal void Unexpected(string where, Exception exception)
    {
        // The words in the middle are looked for: they stay whatever is left out.
        string message = $"{Shorten(where, LongestMessage / 4)}: {UnexpectedWords}: {exception}";
        if (Interlocked.Increment(ref _unexpectedFailures) == 1)
            log.Error(Shorten(message));
        else
            Error(message);
    }

    private bool IsNew(string topic, ulong version)
    {
        long leftOut = 0;
        bool isNew;
        lock (_gate)
        {
            if (clock.GetElapsedTime(_began) >= Period)
            {
                (leftOut, _leftOut) = (_leftOut, 0);
                _began = clock.GetTimestamp();
                _told.Clear();
            }
            var key = (Shorten(topic), version);
            isNew = !_told.Contains(key);
            if (isNew && _told.Count == MostEvents)
            {
                isNew = false;
                _leftOut++;
            }
            else if (isNew)
                _told.Add(key);
        }
        if (leftOut > 0)
            log.Warning(
                $"there were {leftOut} events more than the {MostEvents} that are told in {Period.TotalHours:0} hour: "
                    + "they are left out");
        return isNew;
    }

    // A path can be megabytes long. It stands at the front of the message; what happened stands at the end.
    private static string Shorten(string message, int longest = LongestMessage) => message.Length <= longest
        ? message
        : $"{message.AsSpan(0, longest / 2)} … {message.AsSpan(message.Length - longest / 2)}";
}
