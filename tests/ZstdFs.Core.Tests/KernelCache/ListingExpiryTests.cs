using System.Collections.Concurrent;
using ZstdFs.Core.KernelCache;

namespace ZstdFs.Core.Tests.KernelCache;

/// <summary>Listings that the kernel has kept for long enough are dropped.</summary>
internal sealed class ListingExpiryTests : IEventLog
{
    private readonly ConcurrentQueue<string> _lines = new();

    [Test]
    public void DropThatFails_IsTriedAgain_AndEndsNoOther()
    {
        var dropped = new ConcurrentDictionary<ulong, int>();
        int failures = 0;
        using var done = new CountdownEvent(3);
        using var expiry = new ListingExpiry(TimeSpan.FromMilliseconds(30), folder =>
        {
            if (folder == 5 && Interlocked.Increment(ref failures) < 3)
                throw new InvalidOperationException("why");
            if (dropped.AddOrUpdate(folder, 1, static (_, times) => times + 1) == 1)
                done.Signal();
        }, new BoundedLog(this, TimeProvider.System));
        expiry.NoteBegun(new Core.Inodes.Node(5, Core.Inodes.NodeKind.Directory));
        expiry.NoteBegun(new Core.Inodes.Node(6, Core.Inodes.NodeKind.Directory));
        Thread.Sleep(200);
        expiry.NoteBegun(new Core.Inodes.Node(7, Core.Inodes.NodeKind.Directory));
        Assert.That(done.Wait(TimeSpan.FromSeconds(20)), Is.True, string.Join(' ', dropped.Keys));
        Assert.That(_lines, Has.Some.Contains(BoundedLog.UnexpectedWords));
    }

    public void Information(string message) => _lines.Enqueue(message);

    public void Warning(string message) => _lines.Enqueue(message);

    public void Error(string message) => _lines.Enqueue(message);
}
