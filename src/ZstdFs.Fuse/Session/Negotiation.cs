using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Session;

/// <summary>INIT: what the kernel offers and what is taken of it.</summary>
internal static class Negotiation
{
    internal const uint Major = 7;
    internal const uint NewestMinor = 45;

    /// <summary>The oldest kernel that sends the layouts read here as they are (Linux 5.4).</summary>
    internal const uint OldestMinor = 31;

    /// <summary>Every flag taken, with its reason.</summary>
    private const InitFlags Wanted =
        InitFlags.AsyncRead                 // a sequential reader has several READs under way
        | InitFlags.AtomicOpenTruncate      // O_TRUNC comes with OPEN: no moment with an open, untruncated file
        | InitFlags.BigWrites               // writes of more than a page
        | InitFlags.DontMask                // default ACLs replace the umask: only the source's file system knows
        | InitFlags.HasIoctlDirectory       // the control commands are ioctls of the root folder
        | InitFlags.AutoInvalidateData      // pages of a file that changed behind the mount's back go
        | InitFlags.DoReadDirPlus           // names and attributes in one round trip…
        | InitFlags.ReadDirPlusAuto         // …where somebody wants the attributes
        | InitFlags.AsyncDirectIo           // O_DIRECT in parallel
        | InitFlags.ParallelDirectoryOps    // lookups and listings of one folder in parallel
        | InitFlags.AbortError              // an aborted connection is told from an unmount
        | InitFlags.MaxPages                // requests of 1 MiB
        | InitFlags.CacheSymlinks           // targets are constant
        | InitFlags.HandleKillPrivV2        // set-id bits are cleared by us: no GETXATTR before every write
        | InitFlags.SetXattrExt             // an ACL that must clear the set-group-id bit says so
        | InitFlags.InitExt                 // flags2
        | InitFlags.HasExpireOnly           // names can be made to be looked up again without being dropped
        | InitFlags.NoExportSupport;        // node ids do not survive FORGET, so handles are not to be given out

    // Left: POSIX_LOCKS and FLOCK_LOCKS (the kernel's own locks are right for a local file system), WRITEBACK_CACHE (excludes passthrough, and
    // hides changes made behind the mount's back), EXPORT_SUPPORT (see above), SPLICE_* (one copy is cheaper than the pipe), NO_OPEN_SUPPORT and
    // NO_OPENDIR_SUPPORT (files have state), EXPLICIT_INVAL_DATA (the opposite of AUTO_INVAL_DATA), SECURITY_CTX, SUBMOUNTS, DAX, CREATE_SUPP_GROUP,
    // ALLOW_IDMAP, PASSTHROUGH, OVER_IO_URING, REQUEST_TIMEOUT, HAS_RESEND: no use for them yet.

    internal static InitFlags Choose(InitFlags offered, SessionOptions options) =>
        offered & (Wanted | (options.PosixAcl ? InitFlags.PosixAcl : 0));

    internal static FuseInitOut Reply(uint minor, uint maxReadahead, InitFlags flags, SessionOptions options) => new()
    {
        Major = Major,
        Minor = Math.Min(minor, NewestMinor),
        MaxReadahead = maxReadahead,
        Flags = (uint)flags,
        Flags2 = (uint)((ulong)flags >> 32),
        MaxBackground = 64,
        CongestionThreshold = 48,
        MaxWrite = options.MaxWriteBytes,
        TimeGranularityNs = 1,
        MaxPages = (ushort)(options.MaxWriteBytes / 4096),
    };
}
