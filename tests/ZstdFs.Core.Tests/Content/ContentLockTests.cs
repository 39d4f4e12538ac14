using ZstdFs.Core.Content;

namespace ZstdFs.Core.Tests.Content;

/// <summary>Which holders of a content's lock go beside each other, and which wait.</summary>
[TestFixture]
[CancelAfter(60_000)]
internal sealed class ContentLockTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100), Long = TimeSpan.FromSeconds(20);

    private readonly ContentLock _lock = new();

    [SetUp]
    public void IsFree()
    {
        using ContentLock.Scope scope = _lock.TryCommitting(out bool isFree);
        Assert.That(isFree, "the test before has left it held");
    }

    [Test]
    public void Readers_AreInTogether()
    {
        using var one = new Holder(_lock, ContentLock.Mode.Read);
        using var other = new Holder(_lock, ContentLock.Mode.Read);
        Assert.That(one.IsIn(Long) && other.IsIn(Long));
    }

    [Test]
    public void Writer_WaitsForAReader_AndThenKeepsAllOut()
    {
        var reader = new Holder(_lock, ContentLock.Mode.Read);
        Assert.That(reader.IsIn(Long));
        using var writer = new Holder(_lock, ContentLock.Mode.Write);
        Assert.That(writer.IsIn(Moment), Is.False, "beside a reader");
        Assert.That(_lock.HasWaitingWriters);
        reader.Dispose();
        Assert.That(writer.IsIn(Long));
        Assert.That(_lock.HasWaitingWriters, Is.False);
        using var next = new Holder(_lock, ContentLock.Mode.Read);
        using var second = new Holder(_lock, ContentLock.Mode.Write);
        using var commit = new Holder(_lock, ContentLock.Mode.Commit);
        Assert.Multiple(() =>
        {
            Assert.That(next.IsIn(Moment), Is.False, "a reader beside a writer");
            Assert.That(second.IsIn(Moment), Is.False, "a writer beside a writer");
            Assert.That(commit.IsIn(Moment), Is.False, "a commit beside a writer");
            Assert.That(TryCommit(), Is.False);
        });
        writer.Dispose();
        // Each of the three gets in once the one before it is out.
        commit.WillLeave();
        second.WillLeave();
        next.WillLeave();
        Assert.That(next.IsIn(Long) && second.IsIn(Long) && commit.IsIn(Long));
    }

    [Test]
    public void Reader_WaitsBehindAWaitingWriter()
    {
        var first = new Holder(_lock, ContentLock.Mode.Read);
        Assert.That(first.IsIn(Long));
        using var writer = new Holder(_lock, ContentLock.Mode.Write);
        Assert.That(SpinWait.SpinUntil(() => _lock.HasWaitingWriters, Long));
        using var second = new Holder(_lock, ContentLock.Mode.Read);
        Assert.That(second.IsIn(Moment), Is.False, "readers that never end would starve the writer");
        first.Dispose();
        Assert.That(writer.IsIn(Long));
        writer.Dispose();
        Assert.That(second.IsIn(Long));
    }

    [Test]
    public void Commit_IsBesideReaders_AndKeepsWritersAndCommitsOut()
    {
        var commit = new Holder(_lock, ContentLock.Mode.Commit);
        Assert.That(commit.IsIn(Long));
        using var writer = new Holder(_lock, ContentLock.Mode.Write);
        Assert.That(writer.IsIn(Moment), Is.False);
        using (var reader = new Holder(_lock, ContentLock.Mode.Read))
            Assert.That(reader.IsIn(Long), "a writer that waits for a commit keeps no reader out");
        Assert.That(TryCommit(), Is.False);
        commit.Dispose();
        Assert.That(writer.IsIn(Long));
    }

    [Test]
    public void BecomeExclusive_WaitsForReaders_AndKeepsNewOnesOut()
    {
        using ContentLock.Scope commit = _lock.Committing();
        var first = new Holder(_lock, ContentLock.Mode.Read);
        Assert.That(first.IsIn(Long));
        var exclusive = Task.Run(_lock.BecomeExclusive);
        Assert.That(exclusive.Wait(Moment), Is.False, "beside a reader");
        using var second = new Holder(_lock, ContentLock.Mode.Read);
        Assert.That(second.IsIn(Moment), Is.False, "a reader that came later");
        first.Dispose();
        Assert.That(exclusive.Wait(Long));
        Assert.That(second.IsIn(Moment), Is.False, "a reader beside the exclusive commit");
        _lock.BecomeShared();
        Assert.That(second.IsIn(Long));
    }

    [Test]
    public void PauseCommit_LetsAWriterIn_AndNoOtherCommit()
    {
        using var late = new Holder();
        using (_lock.Committing())
        {
            var writer = new Holder(_lock, ContentLock.Mode.Write);
            Assert.That(writer.IsIn(Moment), Is.False);
            _lock.PauseCommit();
            Assert.That(writer.IsIn(Long));
            Assert.That(TryCommit(), Is.False);
            var resumed = Task.Run(_lock.ResumeCommit);
            Assert.That(resumed.Wait(Moment), Is.False, "beside the writer");
            writer.Dispose();
            Assert.That(resumed.Wait(Long));
            Assert.That(TryCommit(), Is.False, "the pause ended the commit");
            late.Take(_lock, ContentLock.Mode.Write);
            Assert.That(late.IsIn(Moment), Is.False, "the pause is over");
        }
        Assert.That(late.IsIn(Long));
    }

    private bool TryCommit()
    {
        using ContentLock.Scope scope = _lock.TryCommitting(out bool isFree);
        return isFree;
    }

    /// <summary>A thread that takes the lock and holds it until it is disposed of.</summary>
    private sealed class Holder : IDisposable
    {
        private readonly ManualResetEventSlim _isIn = new(), _mayLeave = new();
        private Thread? _thread;

        internal Holder()
        {
        }

        internal Holder(ContentLock held, ContentLock.Mode mode) => Take(held, mode);

        internal void Take(ContentLock held, ContentLock.Mode mode)
        {
            _thread = new Thread(() =>
            {
                using ContentLock.Scope scope = mode switch
                {
                    ContentLock.Mode.Read => held.Reading(),
                    ContentLock.Mode.Write => held.Writing(),
                    _ => held.Committing(),
                };
                _isIn.Set();
                _mayLeave.Wait();
            }) { IsBackground = true };
            _thread.Start();
        }

        internal bool IsIn(TimeSpan within) => _isIn.Wait(within);

        internal void WillLeave() => _mayLeave.Set();

        public void Dispose()
        {
            _mayLeave.Set();
            Assert.That(_thread?.Join(Long) != false, "it waits for the lock for ever");
        }
    }
}
