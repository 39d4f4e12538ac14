using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.Callers;

/// <summary>
/// While it lives, what this thread creates in the source belongs to the caller of the op. The source's own file system
/// applies the caller's umask (default ACLs, set-group-id folders).
/// </summary>
internal readonly ref struct CallerIdentity
{
    [ThreadStatic] private static bool IsPrepared;
    [ThreadStatic] private static uint CurrentUmask;

    private static readonly bool IsRoot = Credentials.IsRoot;

    private readonly bool _isOther;

    internal CallerIdentity(in RequestContext context, uint umask)
    {
        if (!IsPrepared)
        {
            _ = Credentials.UnshareUmask();
            if (IsRoot)
                _ = Credentials.KeepCapabilities();
            CurrentUmask = umask;
            _ = Credentials.SetUmask(umask);
            IsPrepared = true;
        }
        if (CurrentUmask != umask)
        {
            _ = Credentials.SetUmask(umask);
            CurrentUmask = umask;
        }
        _isOther = IsRoot && (context.UserId | context.GroupId) != 0;
        if (_isOther)
            Credentials.ActAs(context.UserId, context.GroupId);
    }

    public void Dispose()
    {
        if (_isOther)
            Credentials.ActAs(0, 0);
    }
}
