using ZstdFs.Core.Callers;
using ZstdFs.Core.Content;
using ZstdFs.Core.FileSystem.Handles;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.State;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Shows a source folder of stored files as the plain files that they hold. It passes each op to the class that handles
/// it.
/// </summary>
public sealed class ZstdFileSystem : FuseFileSystem, IDisposable
{
    private readonly Volume _volume;
    private readonly StateFolder? _state;
    private readonly HandleTable<OpenHandle> _handles = new();
    private readonly NameOperations _names;
    private readonly LinkOperations _links;
    private readonly RemoveOperations _removals;
    private readonly RenameOperations _renames;
    private readonly OpenOperations _opens;
    private readonly RangeOperations _ranges;
    private readonly SyncOperations _syncs;
    private readonly DirectoryOperations _directories;
    private readonly AttributeOperations _attributes;
    private readonly SetAttributeOperations _changes;
    private readonly ExtendedAttributeOperations _extended;
    private readonly NodeFinder _finder;
    private readonly ControlOperations _controls;

    /// <param name="volume">The source, recovered. This file system takes it over.</param>
    /// <param name="state">Its state folder, which is taken over too; null where nothing can be written.</param>
    internal ZstdFileSystem(Volume volume, StateFolder? state)
    {
        _volume = volume;
        _state = state;
        _names = new NameOperations(volume);
        _links = new LinkOperations(volume);
        _removals = new RemoveOperations(volume);
        _renames = new RenameOperations(volume);
        _directories = new DirectoryOperations(volume);
        _finder = new NodeFinder(volume);
        _syncs = new SyncOperations(volume);
        _controls = new ControlOperations(volume, _syncs, new InodeFlagOperations(volume));
        var opener = new FileOpener(volume);
        _ranges = new RangeOperations(volume, _handles, opener);
        _opens = new OpenOperations(volume, _handles, opener);
        _attributes = new AttributeOperations(volume, volume.AttributePlaces);
        _changes = new SetAttributeOperations(volume, volume.AttributePlaces, _ranges);
        _extended = new ExtendedAttributeOperations(volume, volume.AttributePlaces);
    }

    /// <summary>Nothing can be written, because the user asked for that, or the source cannot be written.</summary>
    public bool ReadOnly => _volume.IsReadOnly;

    /// <summary>
    /// The mount is made. <paramref name="device"/> is its device number ("0:57"), by which other programs find out
    /// whether the mount is still there.
    /// </summary>
    public void NoteMounted(string device) => _state?.NoteMounted(device);

    /// <inheritdoc/>
    public override void Destroyed() => _state?.NoteEnding();

    /// <summary>
    /// Commits what is left after the mount is gone. Returns 0 or −errno. Content that could not be committed stays in
    /// its working copy. Where it cannot be kept at all, the file keeps its old version, and the log names it.
    /// </summary>
    /// <param name="kept">How many files are left in working copies for the next mount.</param>
    public int Drain(out int kept)
    {
        kept = 0;
        if (ReadOnly)
            return 0;
        _directories.Dispose();
        _volume.Conversion?.Dispose();
        _finder.Stop();
        _syncs.GiveUpCutShort();
        int result = _syncs.SynchronizeAll(openToo: true);
        kept = _syncs.GiveUpUnkept();
        if (result >= 0)
            _state!.NoteEndedWell();
        return result;
    }

    /// <summary>The same for a caller that does not need the number of files left.</summary>
    public int Drain() => Drain(out _);

    /// <summary>
    /// The mount looks for changes that other programs make in the source, and tells the kernel, which then need not
    /// compare modification times. Not where plain files are shown: other programs change them all the time, and the
    /// kernel should take a new length and drop the pages at once.
    /// </summary>
    public bool TellsOfChanges => _volume.Services.Options.PlainFiles == PlainFiles.Ignore;

    /// <inheritdoc/>
    public override void Initialized(in NegotiatedConnection connection)
    {
        _volume.Notifier = connection.Notifier;
        _volume.Pages.AreKept = connection.KeepsPages;
        _volume.Contents.MapsDirectFiles = connection.MapsDirectFiles;
        _volume.NamesOwnersOnly = connection.NamesOwnersOnly;
        _volume.SaysWhoKeepsPrivileges = connection.SaysWhoKeepsPrivileges;
        _volume.Contents.Passthrough = connection.BackingFiles is { } files ? new Passthrough(files) : null;
    }

    /// <summary>
    /// Logs an op that ended in an exception, with the file's path; the op's caller sees EIO. A fault that an operator
    /// has to expect is logged without a stack trace.
    /// </summary>
    public void ReportFailure(FuseOpcode op, ulong node, Exception exception)
    {
        if (ContentFault.IsExpected(exception))
            _volume.Services.Log.Error($"'{_volume.NodeResolver.PathOf(node)}': {op} failed: {exception.Message}");
        else
            _volume.Services.Log.Unexpected($"'{_volume.NodeResolver.PathOf(node)}': {op} failed", exception);
    }

    /// <inheritdoc/>
    public override int Lookup(in RequestContext context, ulong parent, NativeName name, out FuseEntryOut entry)
    {
        // The kernel looks up "." and ".." for file handles only: it has forgotten the node, or needs its parent.
        if (name.Bytes.SequenceEqual("."u8))
            return _finder.LookUp(parent, out entry);
        return name.Bytes.SequenceEqual(".."u8)
            ? _finder.LookUpParent(parent, out entry) : _names.Lookup(parent, name, out entry);
    }

    /// <inheritdoc/>
    public override void Forget(ulong node, ulong lookups)
    {
        _volume.Descriptors.Close(_volume.Nodes.Forget(node, lookups));
    }

    /// <inheritdoc/>
    public override int GetAttributes(
        in RequestContext context, ulong node, ulong handle, out FuseAttrOut attributes) =>
        _attributes.Get(node, out attributes);

    /// <inheritdoc/>
    public override int SetAttributes(
        in RequestContext context, ulong node, in FuseSetattrIn change, out FuseAttrOut attributes) =>
        _changes.Set(context, node, change, out attributes);

    /// <inheritdoc/>
    public override int ReadLink(in RequestContext context, ulong node, Span<byte> target) =>
        _attributes.ReadLink(node, target);

    /// <inheritdoc/>
    public override int SymbolicLink(
        in RequestContext context, ulong parent, NativeName name, NativeName target, out FuseEntryOut entry)
    {
        byte[] kept = target.Terminated.ToArray();
        return _names.MakeNative(context, parent, name, 0,
            (directory, at) => SystemCallsAt.Symlink(new NativeName(kept), directory, at), out entry);
    }

    /// <inheritdoc/>
    public override int MakeNode(
        in RequestContext context, ulong parent, NativeName name, uint mode, uint deviceNumber, uint umask,
        out FuseEntryOut entry)
    {
        if ((mode & FileType.Mask) is not (FileType.Regular or 0))
            return _names.MakeNative(context, parent, name, umask,
                (directory, at) => SystemCallsAt.MakeNode(directory, at, mode, deviceNumber), out entry);
        int result = _names.Create(
            context, parent, name, mode, umask, OpenAccess.ReadWrite, mustBeNew: true, out entry, out OpenFile file);
        if (result >= 0)
            file.Close();
        return result;
    }

    /// <inheritdoc/>
    public override int MakeDirectory(
        in RequestContext context, ulong parent, NativeName name, uint mode, uint umask, out FuseEntryOut entry) =>
        _names.MakeNative(context, parent, name, umask,
            (directory, at) => SystemCallsAt.MakeDirectory(directory, at, mode & 0xFFF), out entry);

    /// <inheritdoc/>
    public override int Unlink(in RequestContext context, ulong parent, NativeName name) =>
        _removals.Remove(parent, name, folder: false);

    /// <inheritdoc/>
    public override int RemoveDirectory(in RequestContext context, ulong parent, NativeName name) =>
        _removals.Remove(parent, name, folder: true);

    /// <inheritdoc/>
    public override int Rename(
        in RequestContext context, ulong oldParent, NativeName oldName, ulong newParent, NativeName newName,
        uint flags) =>
        _renames.Rename(oldParent, oldName, newParent, newName, flags);

    /// <inheritdoc/>
    public override int Link(
        in RequestContext context, ulong node, ulong newParent, NativeName newName, out FuseEntryOut entry) =>
        _links.Link(node, newParent, newName, out entry);

    /// <inheritdoc/>
    public override int Open(
        in RequestContext context, ulong node, int flags, bool killSuidSgid, out FuseOpenOut reply) =>
        _opens.Open(node, flags, _volume.WriterOf(context, killSuidSgid), _volume.ShareOf(context), out reply);

    /// <inheritdoc/>
    public override int Create(
        in RequestContext context, ulong parent, NativeName name, int flags, uint mode, uint umask,
        out FuseEntryOut entry, out FuseOpenOut reply)
    {
        (entry, reply) = (default, default);
        int result = _volume.Shares.Take(_volume.ShareOf(context), HandleShares.ToWrite, out HandleShare share);
        if (result < 0)
            return result;
        bool mustBeNew = (flags & OpenFlags.Exclusive) != 0;
        result = _names.Create(
            context, parent, name, mode, umask, OpenOperations.AccessOf(flags), mustBeNew,
            out entry, out OpenFile file);
        return _opens.Register(result, file, flags, share, out reply);
    }

    /// <inheritdoc/>
    public override int TemporaryFile(
        in RequestContext context, ulong parent, int flags, uint mode, uint umask, out FuseEntryOut entry,
        out FuseOpenOut reply)
    {
        (entry, reply) = (default, default);
        int result = _volume.Shares.Take(_volume.ShareOf(context), HandleShares.ToWrite, out HandleShare share);
        if (result < 0)
            return result;
        result = _names.CreateUnnamed(
            context, parent, mode, umask, OpenOperations.AccessOf(flags), out entry, out OpenFile file);
        return _opens.Register(result, file, flags, share, out reply);
    }

    /// <inheritdoc/>
    public override int Statx(
        in RequestContext context, ulong node, ulong handle, uint flags, uint mask, out FuseStatxOut attributes) =>
        _attributes.GetExtended(node, out attributes);

    /// <inheritdoc/>
    public override long CopyFileRange(
        in RequestContext context, ulong nodeIn, ulong handleIn, long offsetIn, ulong nodeOut, ulong handleOut,
        long offsetOut, long length, ulong flags) =>
        _ranges.Copy(handleIn, offsetIn, handleOut, offsetOut, length, Writer.Unknown(context));

    /// <inheritdoc/>
    public override int Read(
        in RequestContext context, ulong node, ulong handle, long offset, Span<byte> destination) =>
        _handles.Find(handle) is { } file ? file.Read(offset, destination) : -(int)Errno.EBADF;

    /// <inheritdoc/>
    public override int Write(
        in RequestContext context, ulong node, ulong handle, long offset, ReadOnlySpan<byte> data, WriteFlags flags,
        int openFlags) =>
        _handles.Find(handle) is { IsWritable: true } file
            ? file.Write(
                offset, data, _volume.WriterOf(context, (flags & WriteFlags.KillSuidSgid) != 0),
                (flags & WriteFlags.FromPageCache) != 0, (openFlags & OpenFlags.Append) != 0)
            : -(int)Errno.EBADF;

    /// <inheritdoc/>
    public override int Flush(in RequestContext context, ulong node, ulong handle, ulong lockOwner) =>
        _handles.Find(handle)?.Flush() ?? 0;

    /// <inheritdoc/>
    public override void Release(in RequestContext context, ulong node, ulong handle, int flags) =>
        _handles.Remove(handle)?.Close();

    /// <inheritdoc/>
    public override int Synchronize(in RequestContext context, ulong node, ulong handle, bool dataOnly) =>
        _handles.Find(handle)?.Synchronize() ?? -(int)Errno.EBADF;

    /// <inheritdoc/>
    public override int SynchronizeFileSystem(in RequestContext context, ulong node) =>
        ReadOnly ? 0 : _syncs.SynchronizeAll(openToo: false);

    /// <inheritdoc/>
    public override int OpenDirectory(in RequestContext context, ulong node, int flags, out FuseOpenOut reply) =>
        _directories.Open(node, _volume.ShareOf(context), out reply);

    /// <inheritdoc/>
    public override int ReadDirectory(
        in RequestContext context, ulong node, ulong handle, ulong offset, ref DirectoryWriter writer) =>
        _directories.Read(handle, offset, ref writer);

    /// <inheritdoc/>
    public override void ReleaseDirectory(in RequestContext context, ulong node, ulong handle) =>
        _directories.Release(handle);

    /// <inheritdoc/>
    public override int SynchronizeDirectory(in RequestContext context, ulong node, ulong handle, bool dataOnly) =>
        _directories.Synchronize(handle);

    /// <inheritdoc/>
    public override int StatFileSystem(in RequestContext context, ulong node, out FuseKstatfs statistics) =>
        _attributes.StatFileSystem(node, out statistics);

    /// <inheritdoc/>
    public override int SetExtendedAttribute(
        in RequestContext context, ulong node, NativeName name, ReadOnlySpan<byte> value, int flags, bool killSgid) =>
        _extended.Set(node, name, value, flags, killSgid);

    /// <inheritdoc/>
    public override int GetExtendedAttribute(
        in RequestContext context, ulong node, NativeName name, Span<byte> value) =>
        _extended.Get(node, name, value);

    /// <inheritdoc/>
    public override int ListExtendedAttributes(in RequestContext context, ulong node, Span<byte> names) =>
        _extended.List(node, names);

    /// <inheritdoc/>
    public override int RemoveExtendedAttribute(in RequestContext context, ulong node, NativeName name) =>
        _extended.Remove(node, name);

    /// <inheritdoc/>
    public override int Allocate(
        in RequestContext context, ulong node, ulong handle, long offset, long length, uint mode) =>
        _handles.Find(handle) is not { IsWritable: true } file ? -(int)Errno.EBADF
            : file.Allocate(offset, length, mode, Writer.Unknown(context)) is var result
                && result == OpenHandle.MovesTimesOnly ? _changes.Touch(context, node) : result;

    /// <inheritdoc/>
    public override long Seek(in RequestContext context, ulong node, ulong handle, long offset, uint whence) =>
        _handles.Find(handle)?.Seek(offset, whence) ?? -(int)Errno.EBADF;

    /// <inheritdoc/>
    public override int IoControl(
        in RequestContext context, ulong node, ulong handle, uint flags, uint command, ulong argument,
        ReadOnlySpan<byte> input, Span<byte> output) =>
        _controls.Run(context, node, command, input, output);

    /// <summary>After <see cref="Drain()"/>.</summary>
    public void Dispose()
    {
        _directories.Dispose();
        _volume.Dispose();
        _state?.Dispose();
        _volume.Source.Dispose();
    }
}
