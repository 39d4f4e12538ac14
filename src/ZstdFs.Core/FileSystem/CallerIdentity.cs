using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// While it lives, what this thread creates in the source belongs to the caller of the op and follows its umask, as the source's own file system applies it
/// (default ACLs, set-group-id folders).
/// </summary>
internal readonly ref struct CallerIdentity
{
    [ThreadStatic] private static bool IsPrepared;

    private static readonly bool IsRoot = Credentials.IsRoot;

    internal CallerIdentity(in RequestContext context, uint umask)
    {
        if (!IsPrepared)
        {
            _ = Credentials.UnshareUmask();
            if (IsRoot)
                _ = Credentials.KeepCapabilities();
            IsPrepared = true;
        }
        _ = Credentials.SetUmask(umask);
        if (IsRoot)
            Credentials.ActAs(context.UserId, context.GroupId);
    }

    public void Dispose()
    {
        if (IsRoot)
            Credentials.ActAs(0, 0);
    }
}
