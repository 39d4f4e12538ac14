using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Tests.Compression;

internal sealed class FrameCodecTests
{
    private static readonly int[] Sizes = [0, 1, 2, 255, 256, 257, 4095, 4096, 65535, 65536, 65791, 65792, 131071, 131072, 131073, 524287, 524288, 524289, 1_300_000];

    [Test]
    public void Compress_EverySize_DecodesToTheSame([ValueSource(nameof(Sizes))] int bytes, [Values(-7, 1, 3, 9)] int level)
    {
        using var decoder = new FrameDecoder();
        foreach (byte[] content in new[] { Samples.Text(bytes), Samples.Noise(bytes), new byte[bytes] })
        {
            byte[] frame = Samples.Frame(content, level);
            var decoded = new byte[bytes];
            Assert.That(decoder.Decompress(frame, decoded), Is.EqualTo(bytes));
            Assert.That(decoded.AsSpan().SequenceEqual(content));
            Assert.That(FrameHeader.Parse(frame), Has.Property("ContentBytes").EqualTo(bytes).And.Property("HasChecksum").True);
        }
    }

    [Test]
    public void Compress_HighestLevel_DecodesToTheSame()
    {
        byte[] content = Samples.Text(300_000);
        var decoded = new byte[content.Length];
        using var decoder = new FrameDecoder();
        decoder.Decompress(Samples.Frame(content, 22), decoded);
        Assert.That(decoded, Is.EqualTo(content));
    }

    [Test]
    public void Constructor_LevelOutOfRange_Throws([Values(-8, 23)] int level) =>
        Assert.That(() => new FrameEncoder(level), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void Compress_RoomTooSmall_ThrowsAndTheEncoderGoesOn()
    {
        using var encoder = new FrameEncoder(3);
        byte[] content = Samples.Noise(1000);
        Assert.That(() => encoder.Compress(content, new byte[500]), Throws.InstanceOf<ZstdLibraryException>());
        var frame = new byte[FrameEncoder.BoundBytes(1000)];
        int length = encoder.Compress(content, frame);
        using var decoder = new FrameDecoder();
        Assert.That(decoder.Matches(frame.AsSpan(0, length), content, new byte[1000]));
    }

    [Test]
    public void Decompress_NotAFrame_ThrowsDamaged()
    {
        using var decoder = new FrameDecoder();
        foreach (byte[] bytes in new[] { [], new byte[3], Samples.Noise(100), Samples.Skippable(10), [0x27, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0] })
            Assert.That(() => decoder.Decompress(bytes, new byte[100]), Throws.InstanceOf<DamagedFrameException>());
    }

    [Test]
    public void Decompress_ContentLongerThanTheRoom_ThrowsDamagedAndTheDecoderGoesOn()
    {
        byte[] content = Samples.Text(5000);
        byte[] frame = Samples.Frame(content);
        using var decoder = new FrameDecoder();
        Assert.That(() => decoder.Decompress(frame, new byte[4999]), Throws.InstanceOf<DamagedFrameException>());
        Assert.That(decoder.Matches(frame, content, new byte[5000]));
    }

    [Test]
    public void Matches_OtherContent_IsFalse()
    {
        byte[] content = Samples.Text(5000);
        byte[] frame = Samples.Frame(content);
        using var codecs = new CodecPool(2);
        Assert.That(codecs.Matches(frame, content));
        Assert.That(codecs.Matches(frame, content.AsSpan(1)), Is.False);
        Assert.That(codecs.Matches(frame, Samples.Text(5000, seed: 2)), Is.False);
        Assert.That(codecs.Matches(frame, Samples.Text(5001)), Is.False);
        Assert.That(codecs.Matches(frame.AsSpan(0, frame.Length - 1), content), Is.False);
    }

    [Test]
    public void Pool_RentAndReturn_GivesTheSameOnesAgain()
    {
        using var codecs = new CodecPool(1);
        FrameEncoder first = codecs.RentEncoder(5), second = codecs.RentEncoder(5);
        codecs.ReturnEncoder(first);
        codecs.ReturnEncoder(second); // beyond the bound: freed
        Assert.That(codecs.RentEncoder(5), Is.SameAs(first));
        Assert.That(() => second.Compress([1], new byte[100]), Throws.InstanceOf<ObjectDisposedException>());
        FrameDecoder decoder = codecs.RentDecoder();
        codecs.ReturnDecoder(decoder);
        Assert.That(codecs.RentDecoder(), Is.SameAs(decoder));
    }
}
