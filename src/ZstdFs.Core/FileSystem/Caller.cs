using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// The thread that a request comes from, where the request names it and where it does not: then the thread waits for the answer,
/// and /proc knows whom it acts as.
/// </summary>
internal static class Caller
{
    /// <summary>
    /// A caller that is gone, or in a process namespace that the daemon does not see, does not count as root.
    /// </summary>
    internal static bool IsRoot(in RequestContext context) => TryFindUser(context, out uint user) && user == 0;

    /// <summary>Root, and the user whose daemon it is, may know of every file.</summary>
    internal static bool MayAskForStatus(in RequestContext context) =>
        TryFindUser(context, out uint user) && (user == 0 || user == Credentials.UserId);

    internal static bool TryFindUser(in RequestContext context, out uint user)
    {
        user = context.UserId;
        return user != RequestContext.NotSaid || ThreadCredentials.FileSystemUser(context.ProcessId, out user) >= 0;
    }

    internal static bool TryFindGroup(in RequestContext context, out uint group)
    {
        group = context.GroupId;
        return group != RequestContext.NotSaid || ThreadCredentials.FileSystemGroup(context.ProcessId, out group) >= 0;
    }

    /// <summary>
    /// Whose share of the handles an open takes. An owner that a mount maps is not the caller: the root of a container would
    /// have the machine's root's share.
    /// </summary>
    internal static uint ShareOf(in RequestContext context, bool namesOwnersOnly)
    {
        if (!namesOwnersOnly)
            return context.UserId;
        return ThreadCredentials.EffectiveUser(context.ProcessId, out uint user) < 0 ? RequestContext.NotSaid : user;
    }
}
