namespace ZstdFs.Fuse;

/// <summary>Who asks. Values are the kernel's, in the namespace of the mount.</summary>
/// <param name="Unique">The request's number; INTERRUPT names it.</param>
/// <param name="UserId">File-system user id of the calling thread.</param>
/// <param name="GroupId">File-system group id of the calling thread.</param>
/// <param name="ProcessId">Thread id of the caller; 0 when the kernel itself asks (write-back).</param>
public readonly record struct RequestContext(ulong Unique, uint UserId, uint GroupId, uint ProcessId);
