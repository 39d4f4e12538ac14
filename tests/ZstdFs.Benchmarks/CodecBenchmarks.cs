using BenchmarkDotNet.Attributes;
using ZstdFs.Core;
using ZstdFs.Core.Compression;

namespace ZstdFs.Benchmarks;

/// <summary>One frame, in and out of a codec: what a commit and a read are made of.</summary>
[MemoryDiagnoser]
public class CodecBenchmarks : IDisposable
{
    private FrameDecoder _decoder = null!;
    private FrameEncoder _encoder = null!;
    private byte[] _content = [], _frame = [], _decoded = [];
    private int _length;

    [Params(4096, 512 * 1024)]
    public int Bytes { get; set; }

    [Params(CodecChoice.Native, CodecChoice.Managed)]
    public CodecChoice Codec { get; set; }

    [Params(1, 3, 9)]
    public int Level { get; set; }

    [GlobalSetup]
    public void MakeFrame()
    {
        var codec = Core.Compression.Codecs.Codec.Of(Codec);
        _decoder = new FrameDecoder(codec);
        (_encoder, _content, _decoded) = (new FrameEncoder(codec, Level), SampleText.Of(Bytes), new byte[Bytes]);
        _frame = new byte[FrameEncoder.BoundBytes(Bytes)];
        _length = _encoder.Compress(_content, _frame);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _encoder.Dispose();
        _decoder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public int Compress() => _encoder.Compress(_content, _frame);

    [Benchmark]
    public int Decompress() => _decoder.Decompress(_frame.AsSpan(0, _length), _decoded);

    /// <summary>Decoded and compared: what every new frame goes through before it replaces anything.</summary>
    [Benchmark]
    public bool Verify() => _decoder.Matches(_frame.AsSpan(0, _length), _content, _decoded);
}
