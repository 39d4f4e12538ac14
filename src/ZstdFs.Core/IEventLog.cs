namespace ZstdFs.Core;

/// <summary>
/// Where the file system says what an operator should know: one line a call, never from the path of an op that
/// succeeds.
/// </summary>
public interface IEventLog
{
    /// <summary>Worth knowing; nothing is wrong.</summary>
    void Information(string message);

    /// <summary>Something is not as it should be; the file system goes on.</summary>
    void Warning(string message);

    /// <summary>An operation failed, or content is damaged.</summary>
    void Error(string message);
}
