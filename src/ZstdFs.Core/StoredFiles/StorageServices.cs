using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>What every open file's content shares: codecs, caches, the working folder, budgets.</summary>
internal sealed class StorageServices(
    SourceTree source, StateFolder? state, FileSystemOptions options, BoundedLog log) : IDisposable
{
    private long _lastCacheId;
    private long _lastTemporary;
    private byte[]? _emptyFrame;
    private StoredFileInspector? _inspector;
    private ZeroFrames? _zeroFrames;
    private long _bufferBytesLeft = options.WriteBufferBytes;

    internal SourceTree Source { get; } = source;
    internal StateFolder? State { get; } = state;

    /// <summary>What is known of the mounts before this one; null where that is nothing.</summary>
    internal EarlierMounts? Earlier { get; } = state?.Earlier ?? EarlierMounts.Read(source);

    /// <summary>Longest logical name, in bytes. The longest names need an attribute beside them.</summary>
    internal int LongestName => State is { KeepsRecords: false } ? StoredName.MaxLogicalBytes
        : StoredName.MaxStoredBytes;

    /// <summary>Room on the disk that is kept free for the files that the kernel writes by itself.</summary>
    internal DiskReserve Reserve { get; } = new(source, state);
    internal FileSystemOptions Options { get; } = options;
    internal BoundedLog Log { get; } = log;
    internal LevelRules? Rules { get; init; }

    /// <summary>Threads for compressing in a background commit.</summary>
    internal LowPriorityThreads Background { get; } = new(options.Jobs);

    internal CodecPool Codecs { get; } = new(
        Math.Max(4, options.Jobs * 2),
        new StreamBudget(new WindowLimit(Codec.Of(options.Codec), options.MaxWindowBytes)));

    /// <summary>What the window of a streamed frame may take.</summary>
    internal WindowLimit Windows => Codecs.Streams.Windows;

    internal ZeroFrames ZeroFrames => _zeroFrames ??= new ZeroFrames(Codecs, Options.Level);
    internal StoredFileInspector Inspector => _inspector ??= new StoredFileInspector(this);
    /// <summary>What an empty file is stored as.</summary>
    internal ReadOnlyMemory<byte> EmptyFrame
    {
        get
        {
            if (_emptyFrame is { } made)
                return made;
            byte[] frame = new byte[FrameEncoder.BoundBytes(0)];
            return _emptyFrame = frame[..StoredFileWriter.Compress(this, Options.Level, default, frame)];
        }
    }

    internal FrameCache Cache { get; } = new(options.FrameCacheBytes);

    /// <summary>Records of files that their owner may not read.</summary>
    internal ClosedRecords Closed { get; } = new(source, state?.Folder);

    /// <summary>Counts the versions that commits gave their file's name.</summary>
    internal Publications Publications { get; } = new();

    /// <summary>The level for what is written to a file now.</summary>
    internal int LevelOf(Node node, long logicalBytes) => Rules is { } rules
        ? rules.LevelFor(node.LogicalPath().AsSpan().TrimStart((byte)'/'), logicalBytes, Options.Level)
        : Options.Level;

    /// <summary>
    /// Whether a finished stored file has whole frames of zeros. Only tiny frames can be such, so only they are read
    /// and compared.
    /// </summary>
    internal bool HasHoles(FileDescriptor file, FrameMap map)
    {
        using var holes = new StoredHoles(file, map, ZeroFrames);
        return holes.Any();
    }

    /// <summary>A number for one version of one file's content in the frame cache.</summary>
    internal ulong NextCacheId() => (ulong)Interlocked.Increment(ref _lastCacheId);

    /// <summary>A number for a name in the working folder.</summary>
    internal long NextTemporary() => Interlocked.Increment(ref _lastTemporary);

    /// <summary>Takes memory for a small file's content from the budget; false where it is used up.</summary>
    internal bool TryReserveBuffer(int bytes)
    {
        if (Interlocked.Add(ref _bufferBytesLeft, -bytes) >= 0)
            return true;
        Interlocked.Add(ref _bufferBytesLeft, bytes);
        return false;
    }

    internal void ReleaseBuffer(int bytes) => Interlocked.Add(ref _bufferBytesLeft, bytes);

    /// <summary>
    /// Room for the decoded content of a giant foreign frame: a file without a name beside the working copies, or in
    /// /tmp where the source cannot be written.
    /// </summary>
    internal FileDescriptor OpenSpillFile()
    {
        int result;
        FileDescriptor file;
        if (State is not null)
            result = Source.CreateUnnamedFile(State.Working, 0b110_000_000, out file);
        else
            result = SystemCallsAt.Open(
                new NativeName("/tmp\0"u8), OpenFlags.PathOnly | OpenFlags.Directory,
                out FileDescriptor folder) is < 0 and var failed
                    ? Fail(failed, out file)
                    : CreateIn(folder, out file);
        return result >= 0
            ? file
            : throw new StorageException("no room for the decoded content of a large frame", -result);
    }

    private static int CreateIn(FileDescriptor folder, out FileDescriptor file)
    {
        using (folder)
            return SystemCallsAt.Open(
                folder, new NativeName(".\0"u8), OpenFlags.ReadWrite | OpenFlags.TemporaryFile, 0b110_000_000,
                out file);
    }

    private static int Fail(int result, out FileDescriptor file)
    {
        file = null!;
        return result;
    }

    public void Dispose()
    {
        Closed.Dispose();
        Cache.Dispose();
        Codecs.Dispose();
        Background.Dispose();
        Reserve.Dispose();
    }
}
