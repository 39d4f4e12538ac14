namespace ZstdFs.Core.Commits;

/// <summary>What a step of a commit can answer besides 0 and −errno. None of these is an errno.</summary>
internal static class CommitResult
{
    /// <summary>The stored file must be rewritten in place, but the version lies where no redo can be kept.</summary>
    internal const int NeedsRedo = 1;

    /// <summary>
    /// The source has another version. A system call may return ESTALE too. That is a fault like EIO, and the commit is
    /// tried again.
    /// </summary>
    internal const int Refused = 2;

    /// <summary>
    /// A write would take set-id bits or capabilities off the stored file, so its first content needs a new version.
    /// </summary>
    internal const int NeedsVersion = 3;
}
