using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>
/// Reserves room on the disk from the first time that a working copy is lent to the kernel, until a commit needs the
/// room. The kernel may fill the disk with content that would fit compressed, and compressing it there takes some room
/// to begin with. The file has no name, so it is gone with the process.
/// </summary>
internal sealed class DiskReserve(SourceTree source, StateFolder? state) : IDisposable
{
    /// <summary>The kernel's writes are moved in steps of this, each compressed before it is cut off.</summary>
    internal const long StepBytes = 16 * 1024 * 1024;

    // A step that does not compress at all fits too.
    private const long Bytes = StepBytes + 2 * 1024 * 1024;

    private const uint OwnerOnly = 0b110_000_000;

    private readonly Lock _gate = new(); // guards the file
    private FileDescriptor? _file;

    /// <summary>False where there is no such room.</summary>
    internal bool TryTake()
    {
        lock (_gate)
        {
            if (_file is not null)
                return true;
            if (state is null || source.CreateUnnamedFile(state.Working, OwnerOnly, out FileDescriptor file) < 0)
                return false;
            if (SystemCallsFile.Allocate(file, 0, 0, Bytes) < 0)
                file.Dispose();
            else
                _file = file;
            return _file is not null;
        }
    }

    /// <summary>Gives the room to a caller that needs it. False where none was held.</summary>
    internal bool Release()
    {
        lock (_gate)
        {
            bool isHeld = _file is not null;
            _file?.Dispose();
            _file = null;
            return isHeld;
        }
    }

    public void Dispose() => _ = Release();
}
