using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>A stored file under construction in the working folder. Gone when disposed of, unless it got its place.</summary>
internal sealed class NewVersion : IDisposable
{
    private readonly ContentServices _services;
    private readonly StateFolder _state;
    private readonly ulong _inodeNumber;
    private WorkingName? _name;
    private FileDescriptor? _file;
    private EarlyFrames? _adopted;
    private WorkingName? _earlyName;
    private bool _isUnnamed;

    internal NewVersion(ContentServices services, StateFolder state, ulong inodeNumber)
    {
        (_services, _state, _inodeNumber) = (services, state, inodeNumber);
    }

    internal FileDescriptor File => _file!;

    /// <summary>What the disk has to write of it.</summary>
    internal long WrittenBytes { get; private set; }

    /// <summary>Writes the content as frames. −EAGAIN where it gave way to a writer.</summary>
    /// <param name="content">The content.</param>
    /// <param name="yields">Gives way to writers.</param>
    /// <param name="folder">The folder of a file on another file system than the root's: no rename leads there from the working folder. Else null.</param>
    /// <param name="map">Its frames.</param>
    internal int Write(FileContent content, bool yields, FileDescriptor? folder, out FrameMap map)
    {
        if (content.Overlay.CompleteEarlyFrames is { } early)
        {
            (_adopted, _file, _name, _earlyName) = (early, early.File, early.Name, early.Name);
            StoredFileWriter rest = early.Continue();
            int added = new VersionWriter(_services, content, yields).Write(rest, out map);
            WrittenBytes = rest.WrittenBytes;
            // An earlier attempt may have got further than this one.
            return added < 0 ? added : SystemCallsFile.Truncate(File, map.StoredBytes);
        }
        map = null!;
        // Without a name it is gone after a crash, wherever it lies. Where the file system has no such files the version is made here, and copied in the end.
        if (folder is not null && CreateUnnamed(folder) >= 0)
            return WriteAnew(content, yields, out map);
        var name = new WorkingName(WorkingRole.Version, _inodeNumber, _state.Epoch, _services.NextTemporary());
        int result = _state.CreateWorkingFile(name, out _file);
        if (result < 0)
            return result;
        _name = name;
        return WriteAnew(content, yields, out map);
    }

    private int WriteAnew(FileContent content, bool yields, out FrameMap map)
    {
        var writer = new StoredFileWriter(_services, File);
        int result = new VersionWriter(_services, content, yields).Write(writer, out map);
        WrittenBytes = writer.WrittenBytes;
        return result;
    }

    private int CreateUnnamed(FileDescriptor folder)
    {
        const uint OwnerOnly = 0b110_000_000;
        int result = _services.Source.CreateUnnamedFile(folder, OwnerOnly, out FileDescriptor file);
        if (result < 0)
            return result;
        // What the folder gives to whatever is made in it.
        _ = ExtendedAttributes.Remove(file, new NativeName("system.posix_acl_access\0"u8));
        result = SystemCallsFile.ChangeMode(file, OwnerOnly);
        if (result < 0)
            file.Dispose();
        else
            (_file, _isUnnamed) = (file, true);
        return result;
    }

    /// <summary>It was synchronised, or could not be. Then a next attempt begins it anew, but for frames that were made early.</summary>
    internal int Conclude(int result) => _adopted?.Durable.Conclude(result) ?? result;

    /// <summary>Whether a rename leads to the place of what <paramref name="stat"/> shows.</summary>
    internal bool CanReplace(in Statx stat) => SystemCallsAt.Stat(File, out Statx own) >= 0 && own.Device == stat.Device;

    /// <summary>Whether it can become a redo.</summary>
    internal bool CanBeKept => !_isUnnamed;

    internal int RenameTo(FileDescriptor parent, NativeName name)
    {
        if (_isUnnamed)
            return LinkTo(parent, name);
        int result = SystemCallsAt.Rename(_state.Working, new NativeName(_name!.Value.Terminated()), parent, name, 0);
        if (result >= 0)
            Rename(null);
        return result;
    }

    /// <summary>A link never replaces anything, so it takes another name first; one that a crash left is of no use.</summary>
    private int LinkTo(FileDescriptor parent, NativeName name)
    {
        byte[] text = [.. StoredName.PassingPrefix, .. Encoding.ASCII.GetBytes($"{_inodeNumber:x}\0")];
        var passing = new NativeName(text);
        int result = SystemCallsAt.Link(File, parent, passing);
        if (result == -(int)Errno.EEXIST)
        {
            _ = SystemCallsAt.Unlink(parent, passing);
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
    /// Puts it on disk under a redo name, with what the next mount must know to do the rewrite again. A file has one such name: that of an earlier rewrite, which failed,
    /// must not be done again after this one.
    /// </summary>
    internal int KeepForRedo(in Statx target, ReadOnlySpan<byte> path, InPlaceRewrite rewrite)
    {
        int result = rewrite.Describe(File, target, path);
        var name = new WorkingName(WorkingRole.Redo, _inodeNumber, 0, 0);
        // The removal of an earlier one that is outstanding must not meet this one.
        _state.KeepWorkingFile(name.Terminated());
        if (result >= 0)
            result = SystemCallsAt.Rename(_state.Working, new NativeName(_name!.Value.Terminated()), _state.Working, new NativeName(name.Terminated()), 0);
        if (result < 0)
            return result;
        Rename(name);
        // From here on the name is the next mount's, whatever becomes of the content.
        if (_adopted is not null)
            _adopted.Name = null;
        result = SystemCallsFile.Synchronize(File);
        return result < 0 ? result : SystemCallsFile.Synchronize(_state.Working);
    }

    /// <summary>The rewrite is on disk.</summary>
    internal void DropRedo() => RemoveName();

    /// <summary>The target was not touched: no mount is to do the rewrite. Early frames are the working copy's again, under the name where a next mount looks for them.</summary>
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
        if (SystemCallsAt.Rename(_state.Working, new NativeName(redo.Terminated()), _state.Working, new NativeName(early.Terminated()), 0) >= 0)
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

    /// <summary>A redo that did not end keeps its name: the target may hold half of it. Early frames are the content's, and it may need them still.</summary>
    public void Dispose()
    {
        if (_adopted is not null)
            return;
        if (_name is { Role: WorkingRole.Version })
            RemoveName();
        _file?.Dispose();
    }
}
