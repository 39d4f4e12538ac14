using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// A stored file under construction, in the working folder or without a name. Dispose removes it, unless it has got its
/// place, is kept for a redo, or consists of early frames, which are the content's.
/// </summary>
internal sealed class NewVersion : IDisposable
{
    private readonly StorageServices _services;
    private readonly StateFolder _state;
    private readonly ulong _inodeNumber;
    private WorkingName? _name;
    private FileDescriptor? _file;
    private EarlyFrames? _adopted;
    private WorkingName? _earlyName;
    private bool _isUnnamed;

    /// <param name="services">Shared services.</param>
    /// <param name="state">Has the working folder.</param>
    /// <param name="inodeNumber">Number of the file that it is a version of.</param>
    internal NewVersion(StorageServices services, StateFolder state, ulong inodeNumber)
    {
        (_services, _state, _inodeNumber) = (services, state, inodeNumber);
    }

    /// <summary>The version, open, once <see cref="Write"/> was called.</summary>
    internal FileDescriptor File => _file!;

    /// <summary>Its frames, once <see cref="Write"/> has returned 0.</summary>
    internal FrameMap Map { get; private set; } = null!;

    /// <summary>How much of it the disk has to write.</summary>
    internal long WrittenBytes { get; private set; }

    /// <summary>Writes the content as frames. −EAGAIN where it gave way to a writer.</summary>
    /// <param name="content">The content.</param>
    /// <param name="yields">Gives way to writers.</param>
    /// <param name="folder">
    /// The file's folder, where that is on another file system than the root: no rename leads there from the working
    /// folder. Else null.
    /// </param>
    internal int Write(FileContent content, bool yields, FileDescriptor? folder)
    {
        if (content.Overlay.CompleteEarlyFrames is { } early)
        {
            (_adopted, _file, _name, _earlyName) = (early, early.File, early.Name, early.Name);
            StoredFileWriter rest = early.Continue();
            int added = WriteFrames(content, yields, rest);
            // An earlier attempt may have written more than this one.
            return added < 0 ? added : SystemCallsFile.Truncate(File, Map.StoredBytes);
        }
        // A crash removes a file without a name, wherever it lies. Where the file system has no such files, the version
        // is made in the working folder, and copied in the end.
        if (folder is not null && CreateUnnamed(folder) >= 0)
            return WriteFrames(content, yields, new StoredFileWriter(_services, File));
        var name = new WorkingName(WorkingRole.Version, _inodeNumber, _state.Epoch, _services.NextTemporary());
        int result = _state.CreateWorkingFile(name, out _file);
        if (result < 0)
            return result;
        _name = name;
        return WriteFrames(content, yields, new StoredFileWriter(_services, File));
    }

    private int WriteFrames(FileContent content, bool yields, StoredFileWriter writer)
    {
        int result = new VersionWriter(_services, content, yields).Write(writer, out FrameMap map);
        (Map, WrittenBytes) = (map, writer.WrittenBytes);
        return result;
    }

    private int CreateUnnamed(FileDescriptor folder)
    {
        const uint OwnerOnly = 0b110_000_000;
        int result = _services.Source.CreateUnnamedFile(folder, OwnerOnly, out FileDescriptor file);
        if (result < 0)
            return result;
        // The folder's default ACL gives every new file an ACL.
        _ = ExtendedAttributes.Remove(file, new NativeName("system.posix_acl_access\0"u8));
        result = SystemCallsFile.ChangeMode(file, OwnerOnly);
        if (result < 0)
            file.Dispose();
        else
            (_file, _isUnnamed) = (file, true);
        return result;
    }

    /// <summary>
    /// Notes the result of the version's sync, and returns it. After a failure the next attempt begins a new file. Only
    /// early frames stay, and must be written to the disk again.
    /// </summary>
    internal int Conclude(int result) => _adopted?.Durable.Conclude(result) ?? result;

    /// <summary>Whether a rename can put it in the place of the file that <paramref name="stat"/> shows.</summary>
    internal bool CanReplace(in Statx stat) =>
        SystemCallsAt.Stat(File, out Statx own) >= 0 && own.Device == stat.Device;

    /// <summary>Whether it can become a redo: only a name in the working folder tells the next mount of it.</summary>
    internal bool CanBeKept => !_isUnnamed;

    /// <summary>Puts it in the place of the stored file with this name. 0 or −errno.</summary>
    internal int RenameTo(FileDescriptor parent, NativeName name)
    {
        if (_isUnnamed)
            return LinkTo(parent, name);
        int result = SystemCallsAt.Rename(
            _state.Working, new NativeName(_name!.Value.Terminated()), parent, name, 0);
        if (result >= 0)
            Rename(null);
        return result;
    }

    /// <summary>
    /// A link never replaces a name, so the file gets another name first, and is then renamed. A file that a crash left
    /// under that other name is of no use.
    /// </summary>
    private int LinkTo(FileDescriptor parent, NativeName name)
    {
        byte[] text = [.. StoredName.PassingPrefix, .. Encoding.ASCII.GetBytes($"{_inodeNumber:x}\0")];
        var passing = new NativeName(text);
        int result = SystemCallsAt.Link(File, parent, passing);
        if (result == -(int)Errno.EEXIST)
        {
            // A folder that lets no name go answers here as it would answer the rename.
            result = SystemCallsAt.Unlink(parent, passing);
            if (result is >= 0 or -(int)Errno.ENOENT)
                result = SystemCallsAt.Link(File, parent, passing);
        }
        if (result < 0)
            return result;
        result = SystemCallsAt.Rename(parent, passing, parent, name, 0);
        if (result < 0)
            _ = SystemCallsAt.Unlink(parent, passing);
        else
            _isUnnamed = false;
        return result;
    }

    private void Rename(WorkingName? name)
    {
        _name = name;
        if (_adopted is not null)
            _adopted.Name = name;
    }

    /// <summary>
    /// Puts it on disk under a redo name, with what the next mount must know to repeat the rewrite. A file has one such
    /// name, so this redo replaces that of an earlier rewrite which failed: the next mount must not repeat that one
    /// after this one.
    /// </summary>
    internal int KeepForRedo(in Statx target, ReadOnlySpan<byte> path, InPlaceRewrite rewrite)
    {
        int result = rewrite.Describe(File, target, path);
        var name = new WorkingName(WorkingRole.Redo, _inodeNumber, 0, 0);
        // The removal of an earlier redo may be outstanding: it must not hit this one.
        _state.KeepWorkingFile(name.Terminated());
        if (result >= 0)
            result = SystemCallsAt.Rename(_state.Working, new NativeName(_name!.Value.Terminated()),
                _state.Working, new NativeName(name.Terminated()), 0);
        if (result < 0)
            return result;
        Rename(name);
        // From here on the name is for the next mount: the content must not remove it with its early frames.
        if (_adopted is not null)
            _adopted.Name = null;
        result = SystemCallsFile.Synchronize(File);
        return result < 0 ? result : SystemCallsFile.Synchronize(_state.Working);
    }

    /// <summary>The rewrite is on disk.</summary>
    internal void DropRedo() => RemoveName();

    /// <summary>
    /// The target has its old content still, so no mount must do the rewrite. Early frames go back to the working copy,
    /// under the name where the next mount looks for them.
    /// </summary>
    internal void GiveUpRedo()
    {
        if (_adopted is null)
        {
            RemoveName();
            return;
        }
        if (_name is not { Role: WorkingRole.Redo } redo)
            return;
        WorkingName early = _earlyName!.Value;
        if (SystemCallsAt.Rename(_state.Working, new NativeName(redo.Terminated()),
            _state.Working, new NativeName(early.Terminated()), 0) >= 0)
            Rename(early);
    }

    /// <summary>Gives the open file away.</summary>
    internal FileDescriptor Release()
    {
        FileDescriptor file = _adopted?.Release() ?? File;
        _file = null;
        return file;
    }

    private void RemoveName()
    {
        if (_name is { } name)
            _state.RemoveWorkingFile(name.Terminated());
        Rename(null);
    }

    /// <summary>
    /// An unfinished redo keeps its name: the target may hold half of it. Early frames belong to the content, which may
    /// still need them.
    /// </summary>
    public void Dispose()
    {
        if (_adopted is not null)
            return;
        if (_name is { Role: WorkingRole.Version })
            RemoveName();
        _file?.Dispose();
    }
}
