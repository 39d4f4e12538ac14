using ZstdFs.Core;

namespace ZstdFs.Cli.Options;

/// <summary>Everything that was asked of one mount.</summary>
internal sealed record MountOptions
{
    /// <summary>How long a command waits for the source's last daemon.</summary>
    internal static readonly TimeSpan DefaultWait = TimeSpan.FromSeconds(300);

    /// <summary>
    /// All of it as one list, for a process that asks the daemon; empty where no command line gave it.
    /// </summary>
    internal string Given { get; init; } = "";
    /// <summary>What the file system itself is told.</summary>
    internal FileSystemOptions FileSystem { get; init; } = new();
    /// <summary>Other users may use the mount, each within the files' modes.</summary>
    internal bool AllowOther { get; init; }
    /// <summary>Set-id bits of programs in the mount have no effect.</summary>
    internal bool NoSuid { get; init; } = true;
    /// <summary>Device nodes in the mount cannot be opened.</summary>
    internal bool NoDevices { get; init; } = true;
    /// <summary>Programs in the mount cannot be run.</summary>
    internal bool NoExecute { get; init; }
    /// <summary>The kernel follows no symlink in the mount.</summary>
    internal bool NoSymlinkFollowing { get; init; }
    /// <summary>Reading does not move access times.</summary>
    internal bool NoAccessTime { get; init; }
    /// <summary>The mount point may hold files, which the mount hides.</summary>
    internal bool NonEmpty { get; init; }
    /// <summary>How long the daemon of the source's last mount may take to end after that mount is gone.</summary>
    internal TimeSpan Wait { get; init; } = DefaultWait;
    /// <summary>Idle processors of a virtual machine wait awake while requests follow each other closely.</summary>
    internal bool IdlePolls { get; init; } = true;
    /// <summary>First column of df and mount; the source's path where null.</summary>
    internal string? FileSystemName { get; init; }
    /// <summary>The type shown is "fuse." and this.</summary>
    internal string Subtype { get; init; } = "zstdfs";
    /// <summary>Where events are written; null for standard error or the system log.</summary>
    internal string? LogFile { get; init; }
}
