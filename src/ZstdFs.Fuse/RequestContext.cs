namespace ZstdFs.Fuse;

/// <summary>The caller of a request. Values are the kernel's, in the namespace of the mount.</summary>
/// <param name="Unique">The request's number; INTERRUPT names it.</param>
/// <param name="UserId">
/// File-system user id of the calling thread. Where <see cref="NegotiatedConnection.NamesOwnersOnly"/>: the owner of
/// what the request creates, as the mount that the caller uses maps it, and <see cref="NotSaid"/> in every other
/// request.
/// </param>
/// <param name="GroupId">The same for the group.</param>
/// <param name="ProcessId">Thread id of the caller; 0 when the kernel itself asks (write-back).</param>
public readonly record struct RequestContext(ulong Unique, uint UserId, uint GroupId, uint ProcessId)
{
    /// <summary>FUSE_INVALID_UIDGID: the request names no user, or no group.</summary>
    public const uint NotSaid = uint.MaxValue;

    /// <summary>The request names a user and a group.</summary>
    public bool NamesOwner => UserId != NotSaid && GroupId != NotSaid;
}
