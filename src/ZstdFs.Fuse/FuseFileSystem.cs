using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse;

/// <summary>
/// What a file system answers to the kernel: one method an op. A result below zero is −errno; zero, or where it says
/// so a count, is success. Methods are called from several threads at once, on buffers that belong to the calling
/// thread: nothing passed by reference may be kept after the method returns. An op that is not overridden answers
/// ENOSYS, which the kernel remembers where it has a fall-back of its own.
/// </summary>
/// <remarks>
/// Lookup counts: every successful answer that carries a <see cref="FuseEntryOut"/> with a node id other than 0
/// (LOOKUP, CREATE, MKNOD, MKDIR, SYMLINK, LINK, TMPFILE, and each READDIRPLUS entry but "." and "..") gives the kernel
/// one reference to that node; <see cref="Forget"/> takes references back. If a reply cannot be delivered, the session
/// takes the reference back: it calls <see cref="Forget"/>, and <see cref="Release"/> or <see cref="ReleaseDirectory"/>
/// where the answer carried a handle. An exception becomes EIO for the op's caller; one from an op that creates must
/// leave no reference counted.
/// </remarks>
public abstract class FuseFileSystem
{
    /// <summary>The handle passed where the kernel sent none.</summary>
    public const ulong NoHandle = ulong.MaxValue;

    private const int NotImplemented = -(int)Errno.ENOSYS;

    /// <summary>Called once, on the thread that handles INIT, before any other op.</summary>
    public virtual void Initialized(in NegotiatedConnection connection) { }

    /// <summary>
    /// The mount is gone, or the session was stopped: no op runs any more and none will. Called exactly once.
    /// </summary>
    public virtual void Destroyed() { }

    /// <summary>
    /// Name → node. Called before any op on a name that the kernel does not hold in its dentry cache. To cache that
    /// the name does not exist, answer 0 with <see cref="FuseEntryOut.NodeId"/> 0 and a validity; −ENOENT does not
    /// cache.
    /// </summary>
    public virtual int Lookup(in RequestContext context, ulong parent, NativeName name, out FuseEntryOut entry)
    { entry = default; return NotImplemented; }

    /// <summary>
    /// The kernel dropped <paramref name="lookups"/> of its references to the node. Has no reply. Also stands for
    /// BATCH_FORGET.
    /// </summary>
    public virtual void Forget(ulong node, ulong lookups) { }

    /// <summary>
    /// Attributes of a node. <paramref name="handle"/> is <see cref="NoHandle"/> unless the caller asks through an open
    /// file.
    /// </summary>
    public virtual int GetAttributes(in RequestContext context, ulong node, ulong handle, out FuseAttrOut attributes)
    { attributes = default; return NotImplemented; }

    /// <summary>
    /// chmod, chown, truncate, utimens: the bits of <see cref="FuseSetattrIn.Valid"/> say which. Truncating through
    /// O_TRUNC arrives in OPEN instead.
    /// </summary>
    public virtual int SetAttributes(
        in RequestContext context, ulong node, in FuseSetattrIn change, out FuseAttrOut attributes)
    { attributes = default; return NotImplemented; }

    /// <summary>statx(2): attributes with birth time.</summary>
    public virtual int Statx(
        in RequestContext context, ulong node, ulong handle, uint flags, uint mask, out FuseStatxOut attributes)
    { attributes = default; return NotImplemented; }

    /// <summary>
    /// Target of a symlink. Returns its length in bytes (no NUL), at most <paramref name="target"/>'s length.
    /// </summary>
    public virtual int ReadLink(in RequestContext context, ulong node, Span<byte> target) => NotImplemented;

    /// <summary>symlink(2).</summary>
    public virtual int SymbolicLink(
        in RequestContext context, ulong parent, NativeName name, NativeName target, out FuseEntryOut entry)
    { entry = default; return NotImplemented; }

    /// <summary>
    /// mknod(2): also a regular file where the kernel creates without opening. With DONT_MASK, <paramref name="umask"/>
    /// has not been applied to <paramref name="mode"/>.
    /// </summary>
    public virtual int MakeNode(
        in RequestContext context, ulong parent, NativeName name, uint mode, uint deviceNumber, uint umask,
        out FuseEntryOut entry)
    { entry = default; return NotImplemented; }

    /// <summary>mkdir(2).</summary>
    public virtual int MakeDirectory(
        in RequestContext context, ulong parent, NativeName name, uint mode, uint umask, out FuseEntryOut entry)
    { entry = default; return NotImplemented; }

    /// <summary>unlink(2).</summary>
    public virtual int Unlink(in RequestContext context, ulong parent, NativeName name) => NotImplemented;

    /// <summary>rmdir(2).</summary>
    public virtual int RemoveDirectory(in RequestContext context, ulong parent, NativeName name) => NotImplemented;

    /// <summary>renameat2(2); <paramref name="flags"/> are RENAME_*. Stands for RENAME (flags 0) and RENAME2.</summary>
    public virtual int Rename(
        in RequestContext context, ulong oldParent, NativeName oldName, ulong newParent, NativeName newName,
        uint flags) =>
        NotImplemented;

    /// <summary>link(2): a further name for <paramref name="node"/>.</summary>
    public virtual int Link(
        in RequestContext context, ulong node, ulong newParent, NativeName newName, out FuseEntryOut entry)
    { entry = default; return NotImplemented; }

    /// <summary>
    /// open(2) of an existing file. <paramref name="flags"/> are O_*; O_CREAT and O_EXCL never arrive, O_TRUNC does
    /// (ATOMIC_O_TRUNC).
    /// </summary>
    /// <param name="context">The caller.</param>
    /// <param name="node">The file.</param>
    /// <param name="flags">open(2) flags.</param>
    /// <param name="killSuidSgid">FUSE_OPEN_KILL_SUIDGID: O_TRUNC must clear set-id bits.</param>
    /// <param name="reply">Handle and FOPEN_* flags.</param>
    public virtual int Open(in RequestContext context, ulong node, int flags, bool killSuidSgid, out FuseOpenOut reply)
    { reply = default; return NotImplemented; }

    /// <summary>open(2) with O_CREAT of a name that the kernel believes not to exist: create and open in one.</summary>
    public virtual int Create(
        in RequestContext context, ulong parent, NativeName name, int flags, uint mode, uint umask,
        out FuseEntryOut entry, out FuseOpenOut reply)
    { entry = default; reply = default; return NotImplemented; }

    /// <summary>open(2) with O_TMPFILE in the folder <paramref name="parent"/>.</summary>
    public virtual int TemporaryFile(
        in RequestContext context, ulong parent, int flags, uint mode, uint umask, out FuseEntryOut entry,
        out FuseOpenOut reply)
    { entry = default; reply = default; return NotImplemented; }

    /// <summary>
    /// Fills <paramref name="destination"/>, which is part of the reply. Returns the bytes read; fewer than asked only
    /// at end of file.
    /// </summary>
    public virtual int Read(in RequestContext context, ulong node, ulong handle, long offset, Span<byte> destination) =>
        NotImplemented;

    /// <summary>Returns the bytes written.</summary>
    /// <param name="context">The caller; process id 0 for pages that the kernel writes back.</param>
    /// <param name="node">The file.</param>
    /// <param name="handle">The open file.</param>
    /// <param name="offset">Logical offset in bytes.</param>
    /// <param name="data">What to write: part of the request buffer.</param>
    /// <param name="flags">What kind of write it is.</param>
    /// <param name="openFlags">
    /// O_* of the descriptor at this write: fcntl(2) changes them without a request. 0 for pages written back.
    /// </param>
    public virtual int Write(
        in RequestContext context, ulong node, ulong handle, long offset, ReadOnlySpan<byte> data, WriteFlags flags,
        int openFlags) => NotImplemented;

    /// <summary>
    /// One close(2) of a descriptor; its result is close's. May come many times for one handle, or never (dup, fork,
    /// FOPEN_NOFLUSH).
    /// </summary>
    public virtual int Flush(in RequestContext context, ulong node, ulong handle, ulong lockOwner) => NotImplemented;

    /// <summary>The last reference to the handle is gone. No caller waits for this, and it has no result.</summary>
    public virtual void Release(in RequestContext context, ulong node, ulong handle, int flags) { }

    /// <summary>fsync(2), or fdatasync(2) where <paramref name="dataOnly"/>.</summary>
    public virtual int Synchronize(in RequestContext context, ulong node, ulong handle, bool dataOnly) =>
        NotImplemented;

    /// <summary>opendir(3).</summary>
    public virtual int OpenDirectory(in RequestContext context, ulong node, int flags, out FuseOpenOut reply)
    { reply = default; return NotImplemented; }

    /// <summary>
    /// Entries after <paramref name="offset"/> (0, or the offset given to the last entry that the caller consumed).
    /// Stands for READDIR and, where <see cref="DirectoryWriter.IsPlus"/>, READDIRPLUS. Returns 0; an empty writer
    /// means the end.
    /// </summary>
    public virtual int ReadDirectory(
        in RequestContext context, ulong node, ulong handle, ulong offset, ref DirectoryWriter writer) =>
        NotImplemented;

    /// <summary>closedir(3).</summary>
    public virtual void ReleaseDirectory(in RequestContext context, ulong node, ulong handle) { }

    /// <summary>fsync(2) of a folder.</summary>
    public virtual int SynchronizeDirectory(in RequestContext context, ulong node, ulong handle, bool dataOnly) =>
        NotImplemented;

    /// <summary>statfs(2).</summary>
    public virtual int StatFileSystem(in RequestContext context, ulong node, out FuseKstatfs statistics)
    { statistics = default; return NotImplemented; }

    /// <summary>syncfs(2).</summary>
    public virtual int SynchronizeFileSystem(in RequestContext context, ulong node) => NotImplemented;

    /// <summary>setxattr(2); <paramref name="flags"/> are XATTR_CREATE / XATTR_REPLACE.</summary>
    /// <param name="context">The caller.</param>
    /// <param name="node">The file.</param>
    /// <param name="name">Attribute name with its namespace.</param>
    /// <param name="value">Its bytes.</param>
    /// <param name="flags">XATTR_*.</param>
    /// <param name="killSgid">FUSE_SETXATTR_ACL_KILL_SGID: setting an ACL must clear the set-group-id bit.</param>
    public virtual int SetExtendedAttribute(
        in RequestContext context, ulong node, NativeName name, ReadOnlySpan<byte> value, int flags, bool killSgid) =>
        NotImplemented;

    /// <summary>
    /// getxattr(2). Returns the value's length; with an empty <paramref name="value"/> only asks for it; −ERANGE when
    /// it does not fit.
    /// </summary>
    public virtual int GetExtendedAttribute(in RequestContext context, ulong node, NativeName name, Span<byte> value) =>
        NotImplemented;

    /// <summary>
    /// listxattr(2): NUL-ended names. Returns their length in all, by the same rules as
    /// <see cref="GetExtendedAttribute"/>.
    /// </summary>
    public virtual int ListExtendedAttributes(in RequestContext context, ulong node, Span<byte> names) =>
        NotImplemented;

    /// <summary>removexattr(2).</summary>
    public virtual int RemoveExtendedAttribute(in RequestContext context, ulong node, NativeName name) =>
        NotImplemented;

    /// <summary>
    /// poll(2) on an open file: sets POLL* in <paramref name="readyEvents"/>. If it is not overridden, files are always
    /// ready, as regular files are.
    /// </summary>
    /// <param name="context">The caller.</param>
    /// <param name="node">The file.</param>
    /// <param name="handle">The open file.</param>
    /// <param name="pollHandle">What <see cref="FuseNotifier.WakePollers"/> takes.</param>
    /// <param name="flags">
    /// FUSE_POLL_SCHEDULE_NOTIFY (1): the caller waits, and is to be woken once something is ready.
    /// </param>
    /// <param name="events">POLL* that the caller asks for.</param>
    /// <param name="readyEvents">POLL* that are ready.</param>
    public virtual int Poll(
        in RequestContext context, ulong node, ulong handle, ulong pollHandle, uint flags, uint events,
        out uint readyEvents)
    { readyEvents = 0; return NotImplemented; }

    /// <summary>
    /// The caller of the request <see cref="RequestContext.Unique"/> got a signal. This is only a hint to an op that
    /// may wait long: it may come before, during or after the op, and has no reply.
    /// </summary>
    public virtual void Interrupt(ulong unique) { }

    /// <summary>access(2); not sent where the mount has default_permissions.</summary>
    public virtual int Access(in RequestContext context, ulong node, uint mask) => NotImplemented;

    /// <summary>fallocate(2).</summary>
    public virtual int Allocate(
        in RequestContext context, ulong node, ulong handle, long offset, long length, uint mode) =>
        NotImplemented;

    /// <summary>lseek(2) with SEEK_DATA or SEEK_HOLE. Returns the new offset or −errno.</summary>
    public virtual long Seek(in RequestContext context, ulong node, ulong handle, long offset, uint whence) =>
        NotImplemented;

    /// <summary>
    /// copy_file_range(2) between two files of the mount. Returns the bytes copied or −errno; ENOSYS, EXDEV or
    /// EOPNOTSUPP make the kernel copy through pages.
    /// </summary>
    public virtual long CopyFileRange(
        in RequestContext context, ulong nodeIn, ulong handleIn, long offsetIn, ulong nodeOut, ulong handleOut,
        long offsetOut, long length, ulong flags) =>
        NotImplemented;

    /// <summary>
    /// ioctl(2) on an open file or folder. <paramref name="input"/> is the caller's data by the size in
    /// <paramref name="command"/>, <paramref name="output"/> what it gets back. Returns the ioctl's result (0 or more)
    /// or −errno.
    /// </summary>
    public virtual int IoControl(
        in RequestContext context, ulong node, ulong handle, uint flags, uint command, ulong argument,
        ReadOnlySpan<byte> input, Span<byte> output) =>
        NotImplemented;
}
