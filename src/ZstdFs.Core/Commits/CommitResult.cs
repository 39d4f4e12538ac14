namespace ZstdFs.Core.Commits;

/// <summary>What a step of a commit can answer besides 0 and −errno.</summary>
internal static class CommitResult
{
    /// <summary>
    /// Not an errno: the stored file must be rewritten in place, but the version lies where no redo can be kept.
    /// </summary>
    internal const int NeedsRedo = 1;

    /// <summary>
    /// Not an errno: the source has another version. A system call may return ESTALE too. That is a fault like EIO, and
    /// the commit is tried again.
    /// </summary>
    internal const int Refused = 2;
}
