using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// Room on the disk that nobody else gets, while the kernel writes to working copies by itself: it may fill the disk with what fits compressed, and to compress it there takes some room to begin with.
/// Without a name, so it is gone with the process.
/// </summary>
internal sealed class DiskReserve(SourceTree source, StateFolder? state) : IDisposable
{
    /// <summary>What does not compress at all, too, is moved in steps of that.</summary>
    private const long Bytes = EarlyPace.StepBytes + 2 * 1024 * 1024;

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

    /// <summary>Gives it to who needs it now. False where there was none.</summary>
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
