namespace ZstdFs.Cli;

/// <summary>
/// What the program's exit status says. docs/cli.md is the contract: a number never gets another meaning.
/// </summary>
internal enum ExitCode
{
    /// <summary>Done.</summary>
    Success = 0,
    /// <summary>A failure that no other code names.</summary>
    Failure = 1,
    /// <summary>The command line or an option is wrong.</summary>
    Usage = 2,
    /// <summary>The source is missing, not a folder, or cannot be used.</summary>
    SourceUnusable = 3,
    /// <summary>The mount point is missing, not an empty folder, or not a mount of ours.</summary>
    MountPointUnusable = 4,
    /// <summary>This machine or this user cannot mount FUSE file systems.</summary>
    FuseUnavailable = 5,
    /// <summary>Already mounted, or still in use.</summary>
    Busy = 6,
    /// <summary>Data could not be committed to the source.</summary>
    NotCommitted = 7,
    /// <summary>A tool has ended in order, and some files are left as they were.</summary>
    SomeLeft = 8,
}
