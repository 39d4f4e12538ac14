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

    internal NewVersion(ContentServices services, StateFolder state, ulong inodeNumber)
    {
        (_services, _state, _inodeNumber) = (services, state, inodeNumber);
    }

    internal FileDescriptor File => _file!;

    /// <summary>Writes the content as frames. −EAGAIN where it gave way to a writer.</summary>
    internal int Write(FileContent content, bool yields, out FrameMap map)
    {
        map = null!;
        var name = new WorkingName(WorkingRole.Version, _inodeNumber, _state.Epoch, _services.NextTemporary());
        int result = _services.Source.CreateFile(_state.Working, new NativeName(name.Terminated()), 0b110_000_000, out _file);
        if (result < 0)
            return result;
        _name = name;
        return new VersionWriter(_services, content, yields).Write(_file, out map);
    }

    internal int RenameTo(FileDescriptor parent, NativeName name)
    {
        int result = SystemCallsAt.Rename(_state.Working, new NativeName(_name!.Value.Terminated()), parent, name, 0);
        if (result >= 0)
            _name = null;
        return result;
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
        _name = name;
        result = SystemCallsFile.Synchronize(File);
        return result < 0 ? result : SystemCallsFile.Synchronize(_state.Working);
    }

    /// <summary>The rewrite is on disk.</summary>
    internal void DropRedo() => RemoveName();

    /// <summary>Gives the open file away.</summary>
    internal FileDescriptor Release()
    {
        FileDescriptor file = File;
        _file = null;
        return file;
    }

    private void RemoveName()
    {
        if (_name is { } name)
            _ = SystemCallsAt.Unlink(_state.Working, new NativeName(name.Terminated()));
        _name = null;
    }

    /// <summary>A redo that did not end keeps its name: the target may hold half of it.</summary>
    public void Dispose()
    {
        if (_name is { Role: WorkingRole.Version })
            RemoveName();
        _file?.Dispose();
    }
}
