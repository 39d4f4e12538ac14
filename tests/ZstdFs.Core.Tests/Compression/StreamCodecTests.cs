using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>
/// Frames that are decoded piece by piece, in the memory of their windows: what either codec must do.
/// </summary>
[TestFixture(CodecChoice.Native)]
[TestFixture(CodecChoice.Managed)]
internal sealed class StreamCodecTests(CodecChoice choice)
{
    private readonly Codec _codec = Codec.Of(choice);

    [Test]
    public void Decompress_InPiecesOfAnySize_IsTheContent([Values(1, 7, 1000, 1 << 20)] int storedPiece,
        [Values(1, 13, 1 << 20)] int contentPiece)
    {
        byte[] content = [.. Samples.Text(150_000), .. Samples.Noise(3000)];
        using var decoder = new StreamDecoder(_codec, WindowLimit.DefaultBytes);
        for (int round = 0; round < 2; round++)
            Assert.That(Decode(decoder, Samples.Frame(content, 5), storedPiece, contentPiece).AsSpan()
                .SequenceEqual(content));
    }

    [Test]
    public void Decompress_WindowOfTheLimit_IsDecoded_AndTheNextOneIsRefusedAsThat()
    {
        using var decoder = new StreamDecoder(_codec, 128 << 20);
        Assert.That(Decode(decoder, Windowed(27), 100, 100), Is.EqualTo("abc"u8.ToArray()));
        Assert.That(() => Decode(decoder, Windowed(28), 100, 100), Throws.InstanceOf<WindowTooLargeException>());
        decoder.Reset();
        Assert.That(Decode(decoder, Windowed(20), 100, 100), Is.EqualTo("abc"u8.ToArray()));
        using var larger = new StreamDecoder(_codec, 256 << 20);
        Assert.That(Decode(larger, Windowed(28), 100, 100), Is.EqualTo("abc"u8.ToArray()));
    }

    [Test]
    public void Decompress_ChecksumFlipped_ThrowsDamaged()
    {
        byte[] frame = Samples.Frame(Samples.Text(5000));
        frame[^1] ^= 1;
        using var decoder = new StreamDecoder(_codec, WindowLimit.DefaultBytes);
        Assert.That(() => Decode(decoder, frame, 1000, 1000), Throws.InstanceOf<DamagedFrameException>());
    }

    /// <summary>
    /// The window is not to be had. The decoder takes the next frame all the same, and is freed once.
    /// </summary>
    [Test]
    public void Decompress_NoMemoryForTheWindow_SaysSoAndTheDecoderGoesOn()
    {
        using var decoder = new StreamDecoder(_codec, 2L << 30);
        Assert.That(Decode(decoder, Windowed(20), 100, 100), Is.EqualTo("abc"u8.ToArray()));
        decoder.Reset();
        using (new MemoryCeiling(128 << 20))
            Assert.That(() => Decode(decoder, Windowed(30), 100, 100), Throws.InstanceOf<DecoderMemoryException>());
        decoder.Reset();
        Assert.That(Decode(decoder, Windowed(21), 100, 100), Is.EqualTo("abc"u8.ToArray()));
    }

    [Test]
    public void Compress_NoMemoryForTheTables_SaysSoAndTheEncoderGoesOn()
    {
        byte[] content = Samples.Noise(16 << 20), frame = new byte[FrameEncoder.BoundBytes(content.Length)];
        using var encoder = new FrameEncoder(_codec, 22);
        _ = encoder.Compress(content.AsSpan(0, 100), frame);
        using (new MemoryCeiling(64 << 20))
            Assert.That(() => encoder.Compress(content, frame), Throws.InstanceOf<InsufficientMemoryException>());
        int length = encoder.Compress(content.AsSpan(0, 1000), frame);
        using var decoder = new FrameDecoder(_codec);
        Assert.That(decoder.Matches(frame.AsSpan(0, length), content.AsSpan(0, 1000), new byte[1000]));
    }

    /// <summary>A frame without content size, of this window, that holds "abc".</summary>
    private static byte[] Windowed(int windowLog) =>
        [0x28, 0xB5, 0x2F, 0xFD, 0x00, (byte)((windowLog - 10) << 3), 0x19, 0, 0, (byte)'a', (byte)'b', (byte)'c'];

    private static byte[] Decode(StreamDecoder decoder, byte[] frame, int storedPiece, int contentPiece)
    {
        var content = new MemoryStream();
        var room = new byte[contentPiece];
        for (int at = 0; ;)
        {
            bool ended = decoder.Decompress(frame.AsSpan(at, Math.Min(storedPiece, frame.Length - at)), room,
                out int consumed, out int produced);
            content.Write(room, 0, produced);
            at += consumed;
            if (ended)
                return content.ToArray();
            Assert.That(consumed + produced, Is.Positive, "no progress");
        }
    }
}
