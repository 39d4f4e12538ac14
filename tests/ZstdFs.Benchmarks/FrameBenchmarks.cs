using BenchmarkDotNet.Attributes;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;

namespace ZstdFs.Benchmarks;

/// <summary>Which frame holds an offset, and a frame that is decoded already.</summary>
[MemoryDiagnoser]
public class FrameBenchmarks : IDisposable
{
    private const int FrameBytes = 512 * 1024, Offsets = 1024;

    private readonly FrameCache _cache = new(8 * FrameBytes);
    private readonly byte[] _destination = new byte[4096];
    private readonly long[] _offsets = new long[Offsets];
    private SeekTableEntry[] _entries = [];
    private byte[] _table = [];
    private FrameMap _map = null!;

    /// <summary>A file of 512 MiB, and one of 512 GiB.</summary>
    [Params(1024, 1024 * 1024)]
    public int Frames { get; set; }

    /// <summary>Frames cut at equal places are found by division, others by a search.</summary>
    [Params(true, false)]
    public bool AreEqual { get; set; }

    [GlobalSetup]
    public void MakeMap()
    {
        var random = new Random(1);
        var builder = new FrameMapBuilder(Frames);
        _entries = new SeekTableEntry[Frames];
        long at = 0;
        for (int i = 0; i < Frames; i++)
        {
            _entries[i] = new SeekTableEntry((uint)random.Next(1000, 200_000),
                (uint)(AreEqual ? FrameBytes : FrameBytes - random.Next(1000)));
            builder.Add(at, _entries[i].StoredBytes, _entries[i].LogicalBytes);
            at += _entries[i].StoredBytes;
        }
        _map = builder.Build(at);
        _table = new byte[SeekTable.BytesFor(Frames)];
        for (int i = 0; i < Offsets; i++)
            _offsets[i] = random.NextInt64(_map.LogicalBytes);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _cache.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(OperationsPerInvoke = Offsets)]
    public long FindFrame()
    {
        long sum = 0;
        foreach (long offset in _offsets)
            sum += _map[_map.FindFrame(offset)].StoredOffset;
        return sum;
    }

    [Benchmark]
    public int WriteSeekTable() => SeekTable.Write(_entries, _table);

    [Benchmark]
    public byte ReadCached()
    {
        using FrameCache.Lease lease = _cache.Pin(new FrameKey(1, 0), FrameBytes);
        if (lease.IsLoader)
        {
            lease.Content.Fill(1);
            lease.Publish();
        }
        lease.Read(4096, _destination);
        return _destination[0];
    }
}
