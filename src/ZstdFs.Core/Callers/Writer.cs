using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.Callers;

/// <summary>
/// The caller that changes a file's content or owner, as far as set-id bits are concerned. Where the request does not
/// name the caller's rights, this asks /proc when it matters.
/// </summary>
internal readonly struct Writer
{
    private readonly RequestContext _context;
    private readonly Right _right;

    /// <param name="context">The caller.</param>
    /// <param name="keepsPrivileges">The set-id bits stay when the caller changes the content.</param>
    internal Writer(in RequestContext context, bool keepsPrivileges)
        : this(context, keepsPrivileges ? Right.Keeps : Right.Drops) { }

    private Writer(in RequestContext context, Right right) => (_context, _right) = (context, right);

    private enum Right { Drops, Keeps, KeepsAsRoot }

    /// <summary>The kernel did not say whether the caller may keep set-id bits.</summary>
    internal static Writer Unknown(in RequestContext context) => new(context, Right.KeepsAsRoot);

    /// <summary>The same caller, for writes that the kernel does not report: only root keeps the bits.</summary>
    internal Writer Unannounced => new(_context, Right.KeepsAsRoot);

    internal bool KeepsPrivileges => _right == Right.Keeps || _right == Right.KeepsAsRoot && Caller.IsRoot(_context);

    /// <summary>The caller owns what belongs to this user, and has no rights beyond that.</summary>
    internal bool IsOrdinaryOwner(uint ownerId) =>
        Caller.TryFindUser(_context, out uint user) && user != 0 && user == ownerId;

    /// <summary>
    /// The caller belongs to the group, or may act as if it did. Only /proc knows the supplementary groups; a caller
    /// that has exited belongs to none.
    /// </summary>
    internal bool IsIn(uint groupId) =>
        Caller.IsRoot(_context) || Caller.TryFindGroup(_context, out uint group) && group == groupId
        || ThreadCredentials.HasGroup(_context.ProcessId, groupId);
}
