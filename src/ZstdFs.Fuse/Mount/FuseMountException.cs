namespace ZstdFs.Fuse.Mount;

/// <summary>Why mounting failed.</summary>
public enum FuseMountProblem
{
    /// <summary>The FUSE device is missing.</summary>
    NoDevice,
    /// <summary>fusermount3 is missing, and without root rights nothing else mounts.</summary>
    NoFusermount,
    /// <summary>The rights do not suffice.</summary>
    NotPermitted,
    /// <summary>The mount point is missing, no folder, or a dead mount.</summary>
    MountPointInvalid,
    /// <summary>Something else; the message has it.</summary>
    Other,
}

/// <summary>Mounting failed; the message says why in one line.</summary>
public sealed class FuseMountException(FuseMountProblem problem, string message) : Exception(message)
{
    /// <summary>The kind of problem.</summary>
    public FuseMountProblem Problem { get; } = problem;
}
