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

    internal NewVersion(ContentServices services, StateFolder state, ulong inodeNumber)
    {
        (_services, _state, _inodeNumber) = (services, state, inodeNumber);
    }

    internal FileDescriptor File => _file!;

    /// <summary>Writes the content as frames. −EAGAIN where it gave way to a writer.</summary>
    internal int Write(FileContent content, bool yields, out FrameMap map)
    {
        if (content.Overlay.CompleteEarlyFrames is { } early)
        {
            (_adopted, _file, _name) = (early, early.File, early.Name);
            int added = new VersionWriter(_services, content, yields).Write(early.Continue(), out map);
            // An earlier attempt may have got further than this one.
            return added < 0 ? added : SystemCallsFile.Truncate(File, map.StoredBytes);
        }
        map = null!;
        var name = new WorkingName(WorkingRole.Version, _inodeNumber, _state.Epoch, _services.NextTemporary());
        int result = _state.CreateWorkingFile(name, out _file);
        if (result < 0)
            return result;
        _name = name;
        return new VersionWriter(_services, content, yields).Write(new StoredFileWriter(_services, _file), out map);
    }

    internal int RenameTo(FileDescriptor parent, NativeName name)
    {
        int result = SystemCallsAt.Rename(_state.Working, new NativeName(_name!.Value.Terminated()), parent, name, 0);
        if (result >= 0)
            Rename(null);
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
            _ = SystemCallsAt.Unlink(_state.Working, new NativeName(name.Terminated()));
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
