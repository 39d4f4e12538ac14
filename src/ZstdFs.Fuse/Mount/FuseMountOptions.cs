namespace ZstdFs.Fuse.Mount;

/// <summary>How a file system is mounted.</summary>
public sealed record FuseMountOptions
{
    /// <summary>What the mount table shows as the source.</summary>
    public required string Source { get; init; }

    /// <summary>The type is <c>fuse.</c> and this.</summary>
    public string Subtype { get; init; } = "zstdfs";

    /// <summary>ro.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>allow_other: users other than the one who mounts may use it.</summary>
    public bool AllowOther { get; init; }

    /// <summary>nosuid; implied where fusermount3 mounts.</summary>
    public bool NoSuid { get; init; }

    /// <summary>nodev; implied where fusermount3 mounts.</summary>
    public bool NoDev { get; init; }

    /// <summary>noexec.</summary>
    public bool NoExec { get; init; }

    /// <summary>nosymfollow (Linux 5.10); not where fusermount3 mounts, which does not know it.</summary>
    public bool NoSymFollow { get; init; }

    /// <summary>noatime.</summary>
    public bool NoAtime { get; init; }

    /// <summary>strictatime, for the mount table; not where fusermount3 mounts, which does not know it.</summary>
    public bool StrictAtime { get; init; }

    /// <summary>default_permissions: the kernel checks modes and ACLs.</summary>
    public bool DefaultPermissions { get; init; } = true;

    /// <summary>max_read: longest READ in bytes; 0 leaves it to the session.</summary>
    public uint MaxReadBytes { get; init; }
}
