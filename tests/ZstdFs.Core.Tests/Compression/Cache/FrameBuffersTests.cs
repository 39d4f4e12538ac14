using ZstdFs.Core.Compression.Cache;

namespace ZstdFs.Core.Tests.Compression.Cache;

[TestFixture]
internal sealed class FrameBuffersTests
{
    [Test]
    public void Rent_AfterReturn_GivesTheSameMemoryAgain()
    {
        using var buffers = new FrameBuffers();
        using (FrameBuffer first = buffers.Rent(5000))
            first.AsSpan(5000).Fill(7);
        Assert.That(buffers.IdleBytes, Is.EqualTo(6144));
        using FrameBuffer second = buffers.Rent(6000);
        Assert.That(second.AsSpan(5000).ContainsAnyExcept((byte)7), Is.False);
        Assert.That(buffers.IdleBytes, Is.Zero);
        Assert.That(buffers.RentedBytes, Is.EqualTo(6144));
    }

    [Test]
    public void Return_BeyondTheBound_IsFreed()
    {
        using var buffers = new FrameBuffers(idleBytes: 16 * 1024);
        FrameBuffer[] rented = [.. Enumerable.Range(0, 10).Select(_ => buffers.Rent(4096))];
        foreach (FrameBuffer buffer in rented)
            buffer.Dispose();
        Assert.That(buffers.IdleBytes, Is.EqualTo(16 * 1024));
        Assert.That(buffers.RentedBytes, Is.Zero);
    }

    [Test]
    public void Rent_LargerThanWhatIsKept_IsFreedAtOnce()
    {
        using var buffers = new FrameBuffers(idleBytes: long.MaxValue);
        using (FrameBuffer large = buffers.Rent(9_000_000))
            Assert.That(large.AsSpan(9_000_000).Length, Is.EqualTo(9_000_000));
        Assert.That(buffers.IdleBytes, Is.Zero);
    }

    [Test]
    public void Rent_ByManyThreads_NoBufferIsGivenTwice()
    {
        using var buffers = new FrameBuffers(idleBytes: 256 * 1024);
        Parallel.For(0, 8, thread =>
        {
            for (int i = 0; i < 2000; i++)
            {
                int bytes = 1 + (i * 37 + thread * 1111) % 70_000;
                using FrameBuffer buffer = buffers.Rent(bytes);
                buffer.AsSpan(bytes).Fill((byte)(thread + 1));
                Assert.That(buffer.AsSpan(bytes).ContainsAnyExcept((byte)(thread + 1)), Is.False);
            }
        });
        Assert.That(buffers.RentedBytes, Is.Zero);
        Assert.That(buffers.IdleBytes, Is.InRange(1, 256 * 1024));
    }
}
