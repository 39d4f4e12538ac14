using ZstdFs.Core.Content;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>Long parts of a commit that read nothing of what writers change: writers go on meanwhile.</summary>
internal static class CommitPause
{
    /// <summary>
    /// Puts a commit's new version on disk. That takes long for a large version, so a commit that gives way lets
    /// writers in meanwhile.
    /// </summary>
    internal static int SynchronizeVersion(FileContent content, FileDescriptor version, bool yields) =>
        yields
            ? LetWritersIn(content, version, SystemCallsFile.SynchronizeData)
            : SystemCallsFile.SynchronizeData(version);

    /// <summary>
    /// Runs a part of a commit that reads nothing of what writers change, and lets writers in meanwhile. −EAGAIN
    /// where they changed what the version was made of.
    /// </summary>
    internal static int LetWritersIn<T>(FileContent content, T state, Func<T, int> part)
    {
        (StoredBase from, long changes) = (content.Base, content.Changes.Count);
        content.Lock.PauseCommit();
        int result;
        try
        {
            result = part(state);
        }
        finally
        {
            content.Lock.ResumeCommit();
        }
        bool isOutdated = content.Base != from || content.Changes.Count != changes;
        return result >= 0 && isOutdated ? -(int)Errno.EAGAIN : result;
    }
}
