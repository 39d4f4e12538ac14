namespace ZstdFs.Fuse.Wire;

/// <summary>FUSE_*: what INIT negotiates; the upper half travels in flags2.</summary>
[Flags]
internal enum InitFlags : ulong
{
    AsyncRead = 1 << 0,
    PosixLocks = 1 << 1,
    AtomicOpenTruncate = 1 << 3,
    ExportSupport = 1 << 4,
    BigWrites = 1 << 5,
    DontMask = 1 << 6,
    FlockLocks = 1 << 10,
    HasIoctlDirectory = 1 << 11,
    AutoInvalidateData = 1 << 12,
    DoReadDirPlus = 1 << 13,
    ReadDirPlusAuto = 1 << 14,
    AsyncDirectIo = 1 << 15,
    WritebackCache = 1 << 16,
    ParallelDirectoryOps = 1 << 18,
    PosixAcl = 1 << 20,
    AbortError = 1 << 21,
    MaxPages = 1 << 22,
    CacheSymlinks = 1 << 23,
    HandleKillPrivV2 = 1 << 28,
    SetXattrExt = 1 << 29,
    InitExt = 1 << 30,
    HasExpireOnly = 1UL << 35,
    NoExportSupport = 1UL << 38,
}
