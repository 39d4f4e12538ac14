using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Source;

namespace ZstdFs.Core.Conversion.Forms;

/// <summary>Opens originals that are stored files, our own or foreign, and lends what reading them needs.</summary>
internal sealed class StoredOriginals(Codec codec, int threads) : IDisposable
{
    private const int LargestFrameBytes = 2 * 1024 * 1024;
    private const long CacheBytes = 16 * 1024 * 1024, WindowBytes = 32 * 1024 * 1024;

    private readonly FrameCache _cache = new(CacheBytes, LargestFrameBytes);
    private readonly CodecPool _codecs = new(threads, new StreamBudget(WindowLimit.OfTools(codec), WindowBytes));
    private long _lastCacheId;

    /// <summary>
    /// A thread holds it while it decodes frames that are too large for memory. A window may take 2 GiB, so one thread
    /// does that at a time.
    /// </summary>
    internal Lock GiantGate { get; } = new();

    internal void Open(SwapJob job)
    {
        FrameMap map;
        // A mount created the file, and the machine went down before any content was on disk: the file is empty.
        bool isFresh = SourceTree.TryReadRecord(job.Original!, out SizeRecord record)
            && record.IsFresh && record.Describes(job.Stat);
        try
        {
            map = FrameScanner.Scan(job.Original!, job.Stat.Size, _codecs.Streams.Windows);
        }
        catch (DamagedFrameException) when (isFresh)
        {
            map = new FrameMapBuilder().Build(job.Stat.Size);
        }
        catch (UndecodableException e)
        {
            throw Left(e);
        }
        job.Map = map;
        job.LogicalBytes = map.LogicalBytes;
        job.Reader = new StoredFileReader(
            job.Original!, map, (ulong)Interlocked.Increment(ref _lastCacheId), _cache, _codecs, spillFile: null);
    }

    internal static bool HasGiants(FrameMap map)
    {
        for (int i = 0; i < map.FrameCount; i++)
        {
            if (map[i].LogicalBytes > LargestFrameBytes || map[i].StoredBytes > 2L * LargestFrameBytes)
                return true;
        }
        return false;
    }

    /// <summary>Decodes the content at this offset.</summary>
    internal static void Read(SwapJob job, long offset, Span<byte> content)
    {
        try
        {
            if (job.Reader!.Read(offset, content) < content.Length)
                throw new FileLeftException(LeftReason.Damaged, "its frames hold less than they say");
        }
        catch (UndecodableException e)
        {
            throw Left(e);
        }
    }

    private static FileLeftException Left(UndecodableException cause) => cause switch
    {
        StorageException => new FileLeftException(LeftReason.Failed, cause.Message),
        { IsIntact: true } => new FileLeftException(LeftReason.NotDecodable, cause.Message),
        _ => new FileLeftException(LeftReason.Damaged, cause.Message),
    };

    public void Dispose()
    {
        _cache.Dispose();
        _codecs.Dispose();
    }
}
