using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Who changes a file's content or owner, as far as set-id bits are concerned. Where the request does not say, /proc
/// is asked when it matters.
/// </summary>
internal readonly struct Writer
{
    private readonly RequestContext _context;
    private readonly Right _right;

    /// <param name="context">The caller.</param>
    /// <param name="keepsPrivileges">The caller may change the content and leave the set-id bits.</param>
    internal Writer(in RequestContext context, bool keepsPrivileges)
        : this(context, keepsPrivileges ? Right.Keeps : Right.Drops) { }

    private Writer(in RequestContext context, Right right) => (_context, _right) = (context, right);

    private enum Right { Drops, Keeps, KeepsAsRoot }

    /// <summary>The kernel did not say whether the caller may keep set-id bits.</summary>
    internal static Writer Unknown(in RequestContext context) => new(context, Right.KeepsAsRoot);

    /// <summary>The same caller, who may write without a further word.</summary>
    internal Writer Unannounced => new(_context, Right.KeepsAsRoot);

    internal bool KeepsPrivileges => _right == Right.Keeps || _right == Right.KeepsAsRoot && Caller.IsRoot(_context);

    /// <summary>The caller owns what belongs to this user, and has no rights beyond that.</summary>
    internal bool IsOrdinaryOwner(uint ownerId) =>
        Caller.TryFindUser(_context, out uint user) && user != 0 && user == ownerId;

    /// <summary>
    /// The caller belongs to the group, or may act as if. Of the further groups only /proc knows; a caller that is gone
    /// counts as a stranger.
    /// </summary>
    internal bool IsIn(uint groupId) =>
        Caller.IsRoot(_context) || Caller.TryFindGroup(_context, out uint group) && group == groupId
        || ThreadCredentials.HasGroup(_context.ProcessId, groupId);
}
