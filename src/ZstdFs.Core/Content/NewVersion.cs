using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>A stored file under construction in the working folder. Gone when disposed of, unless it got its place.</summary>
internal sealed class NewVersion : IDisposable
{
    /// <summary>How the names of what is not finished begin: the next mount removes these.</summary>
    internal static ReadOnlySpan<byte> UnfinishedPrefix => "commit-"u8;

    /// <summary>How the names begin that tell the next mount to write this over its target once more.</summary>
    internal static ReadOnlySpan<byte> RedoPrefix => "redo-"u8;

    private readonly ContentServices _services;
    private readonly StateFolder _state;
    private readonly ulong _inodeNumber;
    private byte[]? _name;
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
        _name = Name(UnfinishedPrefix);
        int result = _services.Source.CreateFile(_state.Working, new NativeName(_name), 0b110_000_000, out _file);
        if (result >= 0)
            return new VersionWriter(_services, content, yields).Write(_file, out map);
        _name = null;
        return result;
    }

    private byte[] Name(ReadOnlySpan<byte> prefix) => [.. prefix, .. Encoding.ASCII.GetBytes($"{_inodeNumber:x16}-{_state.Epoch:x}-{_services.NextTemporary():x}"), 0];

    internal int RenameTo(FileDescriptor parent, NativeName name)
    {
        int result = SystemCallsAt.Rename(_state.Working, new NativeName(_name), parent, name, 0);
        if (result >= 0)
            _name = null;
        return result;
    }

    /// <summary>Puts it on disk under a redo name, with what the next mount must know to do the rewrite again.</summary>
    internal int KeepForRedo(in Statx target, ReadOnlySpan<byte> path, InPlaceRewrite rewrite)
    {
        int result = rewrite.Describe(File, target, path);
        byte[] name = Name(RedoPrefix);
        if (result >= 0)
            result = SystemCallsAt.Rename(_state.Working, new NativeName(_name), _state.Working, new NativeName(name), 0);
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
        if (_name is not null)
            _ = SystemCallsAt.Unlink(_state.Working, new NativeName(_name));
        _name = null;
    }

    /// <summary>A redo that did not end keeps its name: the target may hold half of it.</summary>
    public void Dispose()
    {
        if (_name is not null && !_name.AsSpan().StartsWith(RedoPrefix))
            RemoveName();
        _file?.Dispose();
    }
}
