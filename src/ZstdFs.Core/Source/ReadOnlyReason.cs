using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>Why nothing can be written to a source, in words that follow its name.</summary>
public static class ReadOnlyReason
{
    /// <summary>The words for the error that the first write met.</summary>
    public static string Text(Errno error) => error switch
    {
        Errno.EACCES or Errno.EPERM => $"cannot be written by this user ({error})",
        Errno.EROFS => $"is on a file system that is read-only ({error})",
        Errno.ENOSPC or Errno.EDQUOT => $"has no room for what has to be written first ({error})",
        _ => $"cannot be written ({error})",
    };
}
