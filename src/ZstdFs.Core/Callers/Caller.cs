using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.Callers;

/// <summary>
/// The thread that a request comes from, and the user as which it acts. Where the request does not name the user, /proc
/// does: the thread waits for the answer.
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
    /// The user whose share of the handles an open takes. Where requests name owners only, a mount may have mapped the
    /// owner, and the owner is not the caller: a container's root would take the share of the machine's root.
    /// </summary>
    internal static uint ShareOf(in RequestContext context, bool namesOwnersOnly)
    {
        if (!namesOwnersOnly)
            return context.UserId;
        return ThreadCredentials.EffectiveUser(context.ProcessId, out uint user) < 0 ? RequestContext.NotSaid : user;
    }
}
