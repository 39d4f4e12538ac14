using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Compression.Cache;

internal sealed class FrameCacheTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Reads frames through a cache, as <see cref="StoredFileReader"/> does. Fills a frame with its number; counts;
    /// waits or fails where told to.
    /// </summary>
    private sealed class Source
    {
        internal int Decoded;
        internal bool Fails;
        internal ManualResetEventSlim? Gate;

        internal void Read(FrameCache cache, FrameKey key, int frameBytes, int offset, Span<byte> destination)
        {
            using FrameCache.Lease lease = cache.Pin(key, frameBytes);
            if (!lease.HasSlot)
            {
                Span<byte> content = new byte[frameBytes];
                DecodeFrame(key.Frame, content);
                content.Slice(offset, destination.Length).CopyTo(destination);
                return;
            }
            if (lease.IsLoader)
                Load(key.Frame, lease);
            lease.Read(offset, destination);
        }

        internal void Prefetch(FrameCache cache, FrameKey key, int frameBytes)
        {
            using FrameCache.Lease lease = cache.Pin(key, frameBytes);
            if (lease.IsLoader)
                Load(key.Frame, lease);
        }

        /// <summary>
        /// Does something once so many frames are being decoded. Then, whatever came of it, lets those go on that wait,
        /// and waits for their ends.
        /// </summary>
        internal void WhileDecoding(int frames, Task[] readers, Action action)
        {
            try
            {
                Assert.That(SpinWait.SpinUntil(() => Volatile.Read(ref Decoded) >= frames, Patience), Is.True);
                action();
            }
            finally
            {
                Gate!.Set();
                Task.WaitAll(readers);
            }
        }

        private void Load(int frame, FrameCache.Lease lease)
        {
            try
            {
                DecodeFrame(frame, lease.Content);
                lease.Publish();
            }
            catch (Exception error)
            {
                lease.Fail(error);
                throw;
            }
        }

        private void DecodeFrame(int frame, Span<byte> content)
        {
            Interlocked.Increment(ref Decoded);
            Gate?.Wait();
            if (Fails)
                throw new DamagedFrameException("as told");
            content.Fill((byte)frame);
        }
    }

    [Test]
    public void Read_Again_DecodesOnce()
    {
        using var cache = new FrameCache(1 << 20);
        var source = new Source();
        for (int i = 0; i < 10; i++)
            Check(cache, source, new FrameKey(1, 7), 4096, i);
        Assert.That(source.Decoded, Is.EqualTo(1));
        Assert.That((cache.Hits, cache.Misses), Is.EqualTo((9L, 1L)));
    }

    [Test]
    public void Read_MoreThanFits_StaysWithinTheBoundAndKeepsTheRecentlyUsed()
    {
        using var cache = new FrameCache(64 * 1024);
        var source = new Source();
        var random = new Random(3);
        for (int i = 0; i < 5000; i++)
        {
            Check(cache, source, new FrameKey(1, 0), 4096, 0);
            Check(cache, source, new FrameKey((ulong)random.Next(2, 4), random.Next(100)), random.Next(100, 30_000),
                50);
            Assert.That(cache.AllocatedBytes, Is.LessThanOrEqualTo(64 * 1024));
        }
        cache.Invalidate(2);
        cache.Invalidate(3);
        int before = source.Decoded;
        Check(cache, source, new FrameKey(1, 0), 4096, 0);
        Assert.That(source.Decoded, Is.EqualTo(before), "the frame that was used all the time went");
    }

    [Test]
    public void Read_CapacityTooSmallForTheFrame_DecodesWithoutCaching()
    {
        using var cache = new FrameCache(5000);
        var source = new Source();
        Check(cache, source, new FrameKey(1, 1), 10_000, 9000);
        Check(cache, source, new FrameKey(1, 1), 10_000, 9000);
        Assert.That(source.Decoded, Is.EqualTo(2));
        Assert.That(cache.AllocatedBytes, Is.LessThanOrEqualTo(5000));
    }

    [Test]
    public void Read_EverythingPinned_DecodesWithoutCachingAndWithoutWaiting()
    {
        using var cache = new FrameCache(8192);
        var slow = new Source { Gate = new ManualResetEventSlim() };
        Task[] pinning = [Task.Run(() => Check(cache, slow, new FrameKey(1, 1), 4096, 0)),
            Task.Run(() => Check(cache, slow, new FrameKey(1, 2), 4096, 0))];
        slow.WhileDecoding(2, pinning, () =>
        {
            Check(cache, new Source(), new FrameKey(1, 3), 4096, 0);
            Assert.That(cache.AllocatedBytes, Is.LessThanOrEqualTo(8192));
        });
    }

    [Test]
    public void Read_FrameBeingDecoded_WaitsForItAndDecodesOnceWhileOtherFramesGoOn()
    {
        using var cache = new FrameCache(1 << 20);
        var slow = new Source { Gate = new ManualResetEventSlim() };
        Task[] readers = [.. Enumerable.Range(0, 8)
            .Select(_ => Task.Factory.StartNew(() => Check(cache, slow, new FrameKey(1, 1), 4096, 100),
                TaskCreationOptions.LongRunning))];
        slow.WhileDecoding(1, readers, () => Check(cache, new Source(), new FrameKey(1, 2), 4096, 100));
        Assert.That(slow.Decoded, Is.EqualTo(1));
    }

    [Test]
    public void Read_DecodingFails_AllWhoWaitAreToldAndTheNextOneTriesAgain()
    {
        using var cache = new FrameCache(1 << 20);
        var source = new Source { Gate = new ManualResetEventSlim(), Fails = true };
        Task[] readers = [.. Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
            () => Assert.Throws<DamagedFrameException>(() => Check(cache, source, new FrameKey(1, 1), 4096, 0)),
                TaskCreationOptions.LongRunning))];
        source.WhileDecoding(1, readers, () => { });
        source.Fails = false;
        Check(cache, source, new FrameKey(1, 1), 4096, 0);
    }

    [Test]
    public void Invalidate_WhileBeingDecoded_EndsTheReadWellAndForgetsTheFrame()
    {
        using var cache = new FrameCache(1 << 20);
        var slow = new Source { Gate = new ManualResetEventSlim() };
        Task reader = Task.Run(() => Check(cache, slow, new FrameKey(1, 1), 4096, 0));
        slow.WhileDecoding(1, [reader], () => cache.Invalidate(1));
        Assert.That(cache.TryRead(new FrameKey(1, 1), 0, new byte[1]), Is.False);
    }

    [Test]
    public void Read_FullCache_AllocatesNothing()
    {
        using var cache = new FrameCache(256 * 1024);
        var source = new Source();
        var buffer = new byte[4096];
        Assert.That(Allocations.In(calls: 2000, Read), Is.Zero, "bytes");

        void Read(int i) =>
            source.Read(cache, new FrameKey((ulong)(i % 7), i % 100), 16384 - i % 3 * 5000, 0, buffer);
    }

    [Test]
    public void Read_ManyThreadsFramesAndInvalidations_IsAlwaysRight()
    {
        using var cache = new FrameCache(200_000);
        var source = new Source();
        Task[] threads = [.. Enumerable.Range(0, 8).Select(seed => Task.Factory.StartNew(() =>
        {
            var random = new Random(seed);
            for (int i = 0; i < 30_000; i++)
            {
                int frame = random.Next(60);
                var key = new FrameKey((ulong)random.Next(3), frame);
                Check(cache, source, key, 1000 + frame * 300, random.Next(1000 - 100));
                if (random.Next(500) == 0)
                    cache.Invalidate(key.FileId);
                if (random.Next(10) == 0)
                    source.Prefetch(cache, new FrameKey(key.FileId, (frame + 1) % 60), 1000 + (frame + 1) % 60 * 300);
            }
        }, TaskCreationOptions.LongRunning))];
        Task.WaitAll(threads);
        Assert.That(cache.AllocatedBytes, Is.LessThanOrEqualTo(200_000));
    }

    private static void Check(FrameCache cache, Source source, FrameKey key, int frameBytes, int offset)
    {
        Span<byte> buffer = stackalloc byte[50];
        source.Read(cache, key, frameBytes, offset, buffer);
        if (buffer.ContainsAnyExcept((byte)key.Frame))
            Assert.Fail($"frame {key.Frame} reads as {buffer[0]}");
    }
}
