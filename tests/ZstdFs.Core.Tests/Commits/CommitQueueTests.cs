using System.Collections.Concurrent;
using System.Diagnostics;
using ZstdFs.Core.Commits;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Commits;

/// <summary>Commits that no caller waits for.</summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class CommitQueueTests
{
    private const int Eagain = -(int)Errno.EAGAIN, Eio = -(int)Errno.EIO;

    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    /// <summary>Less than the queue waits before it tries a file again.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(0.8);

    private OpenSource _files = null!;
    private CommitQueue _queue = null!;
    private long _triedAt;

    [SetUp]
    public void MakeQueue()
    {
        _files = new OpenSource();
        var keeping = new Keeping(_files.Services, _files.Committer);
        _queue = new CommitQueue(
            _files.Contents, _files.Committer, keeping, _files.Log, (_, _) => false, _ => { });
    }

    [TearDown]
    public void RemoveQueue()
    {
        _queue.Dispose();
        _files.Dispose();
    }

    [Test]
    public void FileThatIsDueFirst_IsTakenFirst() => UntilInTime(() =>
    {
        FileContent soon = _files.Open("soon", "old"u8);
        Assert.That(soon.Write(0, "new"u8), Is.GreaterThan(0));
        var taken = new ConcurrentQueue<Node>();
        _files.SettleNames = node =>
        {
            taken.Enqueue(node);
            return 0;
        };
        FileContent late = Waiting();
        _queue.Add(late, atOnce: false);
        _queue.Add(soon, atOnce: true);
        bool isInTime = IsInTime;
        Assert.That(SpinWait.SpinUntil(() => !late.IsDirty && !soon.IsDirty, Long), "they were not committed");
        if (isInTime)
            Assert.That(taken, Is.EqualTo(new[] { soon.Node, late.Node }));
        return isInTime;
    });

    [Test]
    public void FileThatIsAddedTwice_IsHeldOnce_AndCountedOnce() => UntilInTime(() =>
    {
        FileContent content = Waiting();
        int holds = content.Handles.Holds;
        _queue.Add(content, atOnce: false);
        _queue.Add(content, atOnce: false);
        int held = content.Handles.Holds;
        long backlog = _queue.BacklogBytes, uncommitted = content.UncommittedBytes;
        if (!IsInTime)
            return false;
        Assert.That(held, Is.EqualTo(holds + 1));
        Assert.That(backlog, Is.EqualTo(uncommitted).And.GreaterThan(0));
        Assert.That(SpinWait.SpinUntil(() => !content.IsDirty, Long), "it was not committed");
        Assert.That(SpinWait.SpinUntil(() => content.Handles.Holds == holds, Long), "it is still held");
        Assert.That(_queue.BacklogBytes, Is.Zero);
        return true;
    });

    [Test]
    public void Commit_GivesWayToAWriter_AndIsTriedAgain()
    {
        FileContent content = _files.Open("f", "old"u8);
        StoredBase old = content.Base;
        Assert.That(content.Write(0, "begun"u8), Is.GreaterThan(0));
        var gaveWay = new ConcurrentQueue<int>();
        Thread? writer = null;
        _files.SettleNames = _ =>
        {
            gaveWay.Enqueue(content.Outcome.GaveWay);
            writer ??= StartWriter(content, "whole"u8);
            return 0;
        };
        _queue.Add(content, atOnce: true);
        Assert.That(SpinWait.SpinUntil(() => content.Base != old, Long), "it was not committed");
        Assert.That(gaveWay, Is.EqualTo(new[] { 0, 1 }));
        Assert.That(writer!.Join(Long));
        byte[] found = new byte[10];
        Assert.That(found[..content.Read(0, found)], Is.EqualTo("whole"u8.ToArray()));
        Assert.That(content.IsDirty, Is.False);
    }

    [Test]
    public void CommitThatGaveWayOftenEnough_GoesOnBesideAWaitingWriter()
    {
        FileContent content = _files.Open("f", "old"u8);
        StoredBase old = content.Base;
        Assert.That(content.Write(0, "begun"u8), Is.GreaterThan(0));
        for (int time = 0; time < 5; time++)
            content.Outcome.NoteEnd(Eagain, isBackground: true, isStored: false);
        int commits = 0;
        Thread? writer = null;
        _files.SettleNames = _ =>
        {
            commits++;
            writer ??= StartWriter(content, "later"u8);
            return 0;
        };
        _queue.Add(content, atOnce: true);
        Assert.That(SpinWait.SpinUntil(() => content.Base != old, Long), "it was not committed");
        Assert.That(commits, Is.EqualTo(1), "it gave way");
        Assert.That(writer!.Join(Long));
        Assert.That(content.IsDirty, "what the writer wrote waits for the next commit");
    }

    [Test]
    public void FailedCommit_IsTriedAgainLaterAndLater_AndToldOnce()
    {
        FileContent content = _files.Open("f", "old"u8);
        StoredBase old = content.Base;
        Assert.That(content.Write(0, "new"u8), Is.GreaterThan(0));
        // The next mount would find it: so it is kept, and may be tried again.
        Assert.That(content.Persist(), Is.Zero);
        var times = new ConcurrentQueue<long>();
        int told = 0, toldAgain = 0;
        _files.SettleNames = _ =>
        {
            times.Enqueue(Stopwatch.GetTimestamp());
            if (times.Count == 2)
                (told, toldAgain) = (content.Outcome.TakeUntoldError(), content.Outcome.TakeUntoldError());
            return times.Count <= 2 ? Eio : 0;
        };
        _queue.Add(content, atOnce: true);
        Assert.That(SpinWait.SpinUntil(() => content.Base != old, Long), "it was not committed at last");
        long[] at = [.. times];
        Assert.Multiple(() =>
        {
            Assert.That(at, Has.Length.EqualTo(3));
            Assert.That(Stopwatch.GetElapsedTime(at[0], at[1]), Is.GreaterThan(TimeSpan.FromSeconds(0.9)));
            Assert.That(Stopwatch.GetElapsedTime(at[1], at[2]), Is.GreaterThan(TimeSpan.FromSeconds(1.9)));
            Assert.That((told, toldAgain), Is.EqualTo((Eio, 0)));
            Assert.That(content.Outcome.TakeUntoldError(), Is.Zero, "all of it is stored");
            Assert.That(
                _files.Lines.Count(static line => line.Contains("not committed yet", StringComparison.Ordinal)),
                Is.EqualTo(1));
        });
    }

    [Test]
    public void Dispose_LetsGoOfWhatWaits_AndCommitsNothingMore() => UntilInTime(() =>
    {
        FileContent content = Waiting();
        StoredBase old = content.Base;
        int holds = content.Handles.Holds;
        _queue.Add(content, atOnce: false);
        _queue.Dispose();
        if (!IsInTime)
            return false;
        Assert.That(content.Handles.Holds, Is.EqualTo(holds));
        Assert.That(content.Base, Is.SameAs(old));
        Assert.That(content.IsDirty);
        _queue.Add(content, atOnce: true);
        Assert.That(content.Handles.Holds, Is.EqualTo(holds), "the queue has stopped");
        return true;
    });

    /// <summary>A file with something to commit, which the queue does not take for a second.</summary>
    private FileContent Waiting()
    {
        FileContent content = _files.Open("waiting", "old"u8);
        Assert.That(content.Write(0, "new"u8), Is.GreaterThan(0));
        _triedAt = Stopwatch.GetTimestamp();
        // It was tried just now, so it waits for a second.
        content.Outcome.NoteBegin();
        return content;
    }

    /// <summary>The queue cannot have taken the file of <see cref="Waiting"/> yet.</summary>
    private bool IsInTime => Stopwatch.GetElapsedTime(_triedAt) < Pace;

    /// <summary>Does this with a new queue each time, until a loaded machine lets it be in time.</summary>
    private void UntilInTime(Func<bool> isInTime)
    {
        const int MostAttempts = 20;
        for (int attempt = 1; !isInTime(); attempt++)
        {
            Assert.That(attempt, Is.LessThan(MostAttempts), "the queue was always faster");
            RemoveQueue();
            MakeQueue();
        }
    }

    private static Thread StartWriter(FileContent content, ReadOnlySpan<byte> text)
    {
        byte[] bytes = text.ToArray();
        var thread = new Thread(() => _ = content.Write(0, bytes)) { IsBackground = true };
        thread.Start();
        Assert.That(SpinWait.SpinUntil(() => content.Lock.HasWaitingWriters, Long));
        return thread;
    }
}
