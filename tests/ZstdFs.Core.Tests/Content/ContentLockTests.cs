using ZstdFs.Core.Content;

namespace ZstdFs.Core.Tests.Content;

/// <summary>Which holders of a content's lock go beside each other, and which wait.</summary>
[TestFixture]
[CancelAfter(60_000)]
internal sealed class ContentLockTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100), Long = TimeSpan.FromMinutes(1);

    private readonly List<Holder> _holders = [];
    private ContentLock _lock = null!;

    [SetUp]
    public void MakeLock()
    {
        _lock = new ContentLock();
        _holders.Clear();
    }

    [TearDown]
    public void IsFreeAtTheEnd()
    {
        foreach (Holder holder in _holders)
            holder.Leave();
        foreach (Holder holder in _holders)
        {
            Assert.That(holder.HasEnded(Long), "it waits for the lock for ever");
            holder.Dispose();
        }
        Assert.That(TryCommit(), "it is left held");
    }

    [Test]
    public void Readers_AreInTogether()
    {
        Holder one = Hold(ContentLock.Mode.Read), other = Hold(ContentLock.Mode.Read);
        Assert.That(one.IsIn(Long) && other.IsIn(Long));
    }

    [Test]
    public void Writer_WaitsForAReader_AndThenKeepsAllOut()
    {
        Holder reader = Hold(ContentLock.Mode.Read);
        Assert.That(reader.IsIn(Long));
        Holder writer = Hold(ContentLock.Mode.Write);
        Wait(() => _lock.HasWaitingWriters);
        Assert.That(writer.IsIn(Moment), Is.False, "beside a reader");
        reader.Leave();
        Assert.That(writer.IsIn(Long));
        Assert.That(_lock.HasWaitingWriters, Is.False);
        Holder next = Hold(ContentLock.Mode.Read);
        Holder second = Hold(ContentLock.Mode.Write);
        Holder commit = Hold(ContentLock.Mode.Commit);
        Assert.Multiple(() =>
        {
            Assert.That(next.IsIn(Moment), Is.False, "a reader beside a writer");
            Assert.That(second.IsIn(Moment), Is.False, "a writer beside a writer");
            Assert.That(commit.IsIn(Moment), Is.False, "a commit beside a writer");
            Assert.That(TryCommit(), Is.False);
        });
        writer.Leave();
        // Each of the three gets in once the one before it is out.
        commit.Leave();
        second.Leave();
        next.Leave();
        Assert.That(next.IsIn(Long) && second.IsIn(Long) && commit.IsIn(Long));
    }

    [Test]
    public void Reader_WaitsBehindAWaitingWriter()
    {
        Holder first = Hold(ContentLock.Mode.Read);
        Assert.That(first.IsIn(Long));
        Holder writer = Hold(ContentLock.Mode.Write);
        Wait(() => _lock.HasWaitingWriters);
        Holder second = Hold(ContentLock.Mode.Read);
        Assert.That(second.IsIn(Moment), Is.False, "readers that never end would starve the writer");
        first.Leave();
        Assert.That(writer.IsIn(Long));
        writer.Leave();
        Assert.That(second.IsIn(Long));
    }

    [Test]
    public void Commit_IsBesideReaders_AndKeepsWritersAndCommitsOut()
    {
        Holder commit = Hold(ContentLock.Mode.Commit);
        Assert.That(commit.IsIn(Long));
        Holder writer = Hold(ContentLock.Mode.Write);
        Wait(() => _lock.HasWaitingWriters);
        Assert.That(writer.IsIn(Moment), Is.False);
        Holder reader = Hold(ContentLock.Mode.Read);
        Assert.That(reader.IsIn(Long), "a writer that waits for a commit keeps no reader out");
        reader.Leave();
        Assert.That(TryCommit(), Is.False);
        commit.Leave();
        Assert.That(writer.IsIn(Long));
    }

    [Test]
    public void BecomeExclusive_WaitsForReaders_AndKeepsNewOnesOut()
    {
        using ContentLock.Scope commit = _lock.Committing();
        Holder first = Hold(ContentLock.Mode.Read);
        Assert.That(first.IsIn(Long));
        var exclusive = Task.Run(_lock.BecomeExclusive);
        Wait(() => _lock.IsExclusive);
        Assert.That(exclusive.Wait(Moment), Is.False, "beside a reader");
        Holder second = Hold(ContentLock.Mode.Read);
        Assert.That(second.IsIn(Moment), Is.False, "a reader that came later");
        first.Leave();
        Assert.That(exclusive.Wait(Long));
        Assert.That(second.IsIn(Moment), Is.False, "a reader beside the exclusive commit");
        _lock.BecomeShared();
        Assert.That(second.IsIn(Long));
    }

    [Test]
    public void PauseCommit_LetsAWriterIn_AndNoOtherCommit()
    {
        Holder late;
        using (_lock.Committing())
        {
            Holder writer = Hold(ContentLock.Mode.Write);
            Wait(() => _lock.HasWaitingWriters);
            Assert.That(writer.IsIn(Moment), Is.False);
            _lock.PauseCommit();
            Assert.That(writer.IsIn(Long));
            Assert.That(TryCommit(), Is.False);
            var resumed = Task.Run(_lock.ResumeCommit);
            Assert.That(resumed.Wait(Moment), Is.False, "beside the writer");
            writer.Leave();
            Assert.That(resumed.Wait(Long));
            Assert.That(TryCommit(), Is.False, "the pause ended the commit");
            late = Hold(ContentLock.Mode.Write);
            Wait(() => _lock.HasWaitingWriters);
            Assert.That(late.IsIn(Moment), Is.False, "the pause is over");
        }
        Assert.That(late.IsIn(Long));
    }

    private static void Wait(Func<bool> condition) =>
        Assert.That(SpinWait.SpinUntil(condition, Long), "the lock did not come to that");

    private bool TryCommit()
    {
        using ContentLock.Scope scope = _lock.TryCommitting(out bool isFree);
        return isFree;
    }

    private Holder Hold(ContentLock.Mode mode)
    {
        var holder = new Holder(_lock, mode);
        _holders.Add(holder);
        return holder;
    }

    /// <summary>A thread that takes the lock and holds it until it is told to leave.</summary>
    private sealed class Holder : IDisposable
    {
        private readonly ManualResetEventSlim _isIn = new(), _mayLeave = new();
        private readonly Thread _thread;

        internal Holder(ContentLock held, ContentLock.Mode mode)
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

        internal void Leave() => _mayLeave.Set();

        internal bool HasEnded(TimeSpan within) => _thread.Join(within);

        public void Dispose()
        {
            _isIn.Dispose();
            _mayLeave.Dispose();
        }
    }
}
