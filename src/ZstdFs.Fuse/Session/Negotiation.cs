using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Session;

/// <summary>INIT: what the kernel offers, and what the session takes of it.</summary>
internal static class Negotiation
{
    internal const uint Major = 7;
    internal const uint NewestMinor = 45;

    /// <summary>The oldest version (Linux 5.4) that sends the layouts that are read here.</summary>
    internal const uint OldestMinor = 31;

    /// <summary>
    /// Every flag taken, with its reason. POSIX_ACL, PASSTHROUGH and ALLOW_IDMAP are options, and so are EXPORT_SUPPORT
    /// or NO_EXPORT_SUPPORT, and EXPLICIT_INVAL_DATA or AUTO_INVAL_DATA.
    /// </summary>
    internal const InitFlags Wanted =
        InitFlags.AsyncRead                 // a sequential reader has several READs under way
        | InitFlags.AtomicOpenTruncate      // O_TRUNC comes with OPEN: no moment with an open, untruncated file
        | InitFlags.BigWrites               // writes of more than a page
        | InitFlags.DontMask                // default ACLs replace the umask: only the file system knows
        | InitFlags.HasIoctlDirectory       // ioctls of folders arrive
        | InitFlags.DoReadDirPlus           // names and attributes in one round trip
        | InitFlags.ParallelDirectoryOps    // lookups and listings of one folder in parallel
        | InitFlags.AbortError              // an aborted connection is told from an unmount
        | InitFlags.MaxPages                // requests of 1 MiB
        | InitFlags.CacheSymlinks           // a target never changes: another one is another symlink
        | InitFlags.HandleKillPrivV2        // the file system clears set-id bits: no GETXATTR before every write
        | InitFlags.SetXattrExt             // an ACL that must clear the set-group-id bit says so
        | InitFlags.InitExt                 // flags2
        | InitFlags.HasExpireOnly           // names can be made to be looked up again without being dropped
        | InitFlags.DirectIoAllowMmap;      // a file opened with FOPEN_DIRECT_IO can still be mapped shared

    /// <summary>Every flag left, with its reason.</summary>
    internal const InitFlags Left =
        InitFlags.PosixLocks                // the kernel's own locks are right for a local file system…
        | InitFlags.FlockLocks              // …and a process in an uninterruptible wait for a lock is unkillable
        | InitFlags.FileOps                 // no kernel offers it
        // Readers may cache old pages while a write of aio(7) is under way. The kernel does not drop them afterwards.
        | InitFlags.AsyncDirectIo
        | InitFlags.SpliceWrite             // one copy is cheaper than a pipe…
        | InitFlags.SpliceMove              // …
        | InitFlags.SpliceRead              // …in each direction
        | InitFlags.WritebackCache          // the kernel then ignores sizes and times that changed in the source
        | InitFlags.ReadDirPlusAuto         // past its beginning a long listing has no attributes: a request a file
        | InitFlags.NoOpenSupport           // open files have state
        // Open folders have state. And when two programs list a folder at once, only one may use the kernel's cache.
        | InitFlags.NoOpenDirSupport
        | InitFlags.HandleKillPriv          // V2 says which writes must clear the bits, this one does not
        | InitFlags.MapAlignment            // for DAX
        | InitFlags.HasInodeDax             // for virtiofs
        | InitFlags.Submounts               // nodes of other devices are shown as one file system
        | InitFlags.InitReserved            // reserved
        | InitFlags.SecurityContext         // labels are set by SETXATTR after the creation
        | InitFlags.CreateSupplementaryGroup // the kernel has checked the caller's groups already
        | InitFlags.HasResend               // a new server cannot take over handles
        | InitFlags.OverIoUring             // dearer in memory than it saves
        | InitFlags.RequestTimeout;         // a slow disk is no reason to abort the mount

    private const int LargeBackground = 64, CongestedBackground = 48;

    /// <summary>Takes the request apart. 0 or −errno.</summary>
    internal static int Decode(ref Request request, out FuseInitIn init, out InitFlags offered)
    {
        init = request.Body.Read<FuseInitIn>();
        offered = (InitFlags)init.Flags;
        // A newer major version may place the upper half elsewhere.
        if (init.Major == Major && (offered & InitFlags.InitExt) != 0)
            offered |= (InitFlags)((ulong)request.Body.Read<uint>() << 32);
        return request.Body.IsMalformed ? Request.Malformed : 0;
    }

    internal static FuseInitOut Settle(in FuseInitIn init, InitFlags offered, SessionOptions options)
    {
        // DIRECT_IO_ALLOW_MMAP came with Linux 6.6. On older kernels a write past the page cache leaves the cached
        // pages as they were.
        const InitFlags PagesNeed = InitFlags.DirectIoAllowMmap | InitFlags.ExplicitInvalidateData;
        // The kernel refuses to map owners for a file system that checks permissions itself. With ACLs the kernel
        // checks them.
        bool allowsIdMaps = options.AllowsIdMaps && options.PosixAcl && (offered & InitFlags.PosixAcl) != 0;
        bool keepsPages = options.KeepsPages && (offered & PagesNeed) == PagesNeed;
        InitFlags flags = offered & (Wanted
            | (options.PosixAcl ? InitFlags.PosixAcl : 0)
            | (options.ExportSupport ? InitFlags.ExportSupport : InitFlags.NoExportSupport)
            | (options.Passthrough ? InitFlags.Passthrough : 0) | (allowsIdMaps ? InitFlags.AllowIdmap : 0)
            | (keepsPages ? InitFlags.ExplicitInvalidateData : InitFlags.AutoInvalidateData));
        return new FuseInitOut
        {
            Major = Major,
            Minor = Math.Min(init.Minor, NewestMinor),
            MaxReadahead = init.MaxReadahead,
            Flags = (uint)flags,
            Flags2 = (uint)((ulong)flags >> 32),
            MaxBackground = LargeBackground,
            CongestionThreshold = CongestedBackground,
            MaxWrite = options.MaxWriteBytes,
            TimeGranularityNs = 1,
            // A backing file lies on a file system that is no stack itself.
            MaxStackDepth = (flags & InitFlags.Passthrough) != 0 ? 1u : 0u,
            // It bounds READ too, which must not exceed the reply buffer.
            MaxPages = (ushort)(options.MaxWriteBytes / SessionOptions.PageBytes),
        };
    }
}
