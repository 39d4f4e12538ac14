namespace ZstdFs.Fuse;

/// <summary>What INIT settled.</summary>
/// <param name="Major">Protocol major version in use: 7.</param>
/// <param name="Minor">Protocol minor version in use: the smaller of the kernel's and ours.</param>
/// <param name="MaxWriteBytes">Longest WRITE, in bytes.</param>
/// <param name="Flags">FUSE_* INIT flags in force.</param>
/// <param name="KeepsPages">
/// The kernel keeps a file's pages until it is told to drop them, whatever the modification time.
/// </param>
/// <param name="MapsDirectFiles">
/// A program can map shared a file that is open with FOPEN_DIRECT_IO. Otherwise mmap(2) of such a file is ENODEV.
/// </param>
/// <param name="SaysWhoKeepsPrivileges">
/// In WRITE, OPEN and SETATTR a bit says that set-id bits must go. Otherwise only some WRITEs have that bit.
/// </param>
/// <param name="NamesOwnersOnly">
/// A request names a user only where it creates something: the owner of that, not the caller (ALLOW_IDMAP).
/// </param>
/// <param name="Notifier">Sends invalidations to the kernel.</param>
/// <param name="BackingFiles">Files that the kernel serves by itself; null where it cannot, or need not.</param>
public readonly record struct NegotiatedConnection(
    uint Major,
    uint Minor,
    uint MaxWriteBytes,
    ulong Flags,
    bool KeepsPages,
    bool MapsDirectFiles,
    bool SaysWhoKeepsPrivileges,
    bool NamesOwnersOnly,
    FuseNotifier Notifier,
    BackingFiles? BackingFiles);
