namespace ZstdFs.Fuse.Mount;

/// <summary>How a file system is mounted.</summary>
public sealed record FuseMountOptions
{
    /// <summary>What the mount table shows as its source.</summary>
    public required string Source { get; init; }

    /// <summary>The type is <c>fuse.</c> and this.</summary>
    public string Subtype { get; init; } = "zstdfs";

    /// <summary>ro.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>allow_other: other users than the one who mounts may use it.</summary>
    public bool AllowOther { get; init; }

    /// <summary>nosuid.</summary>
    public bool NoSuid { get; init; }

    /// <summary>nodev.</summary>
    public bool NoDev { get; init; }

    /// <summary>noexec.</summary>
    public bool NoExec { get; init; }

    /// <summary>default_permissions: the kernel checks modes and ACLs.</summary>
    public bool DefaultPermissions { get; init; } = true;
}

/// <summary>Why mounting failed.</summary>
public enum FuseMountProblem
{
    /// <summary>/dev/fuse is missing or may not be opened.</summary>
    NoDevice,
    /// <summary>fusermount3 is missing.</summary>
    NoFusermount,
    /// <summary>The mount point cannot be used.</summary>
    MountPointInvalid,
    /// <summary>Refused for another reason.</summary>
    Refused,
}

/// <summary>Mounting failed; the message says why and what to do, in one line.</summary>
public sealed class FuseMountException(FuseMountProblem problem, string message) : Exception(message)
{
    /// <summary>The kind of problem.</summary>
    public FuseMountProblem Problem { get; } = problem;
}
