using ZstdFs.Core.FileSystem;
using ZstdFs.Core.State;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A file with several names is to be rewritten in place, and the daemon ends before the first byte changes. The next
/// mount has no room to begin.
/// </summary>
[TestFixture]
[CancelAfter(60_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class UnstartedRewriteTests : IDisposable
{
    private const int Bytes = 4 * 1024 * 1024;

    private readonly FaultPlace _place = new();
    private readonly EventLines _log = new();
    private byte[] _content = new byte[Bytes];

    public UnstartedRewriteTests() => new Random(7).NextBytes(_content);

    public void Dispose() => _place.Dispose();

    [Test]
    public void NotedAsCommitted_AndNoRoomUntilTheMountEnds_TheMountAfterHasItAll()
    {
        byte[] old = new byte[Bytes];
        new Random(6).NextBytes(old);
        using (ZstdFileSystem first = SourceFolders.OpenWith(_place.Folder, _log, ("f", old)))
        {
            var use = new DirectUse(first);
            use.Link("f", "g");
            DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
            Assert.That(use.Write(file, 0, _content), Is.Zero);
            Assert.That(use.Synchronize(file), Is.Zero);
            FailRewrite(use, first);
        }
        // As the note was when the rewrite began. The daemon has taken it back, because it saw the rewrite fail.
        NoteCommitted();
        MountWithoutRoom();
        Assert.That(Names("redo-*"), Is.Empty, "the copy holds all of it");
        AssertNextMount();
    }

    [Test]
    public void RedoHoldsTheEarlyFrames_AndTheCopyIsWrittenOn_NothingIsLost()
    {
        using (ZstdFileSystem first = SourceFolders.OpenWith(
            _place.Folder, _log, ("big", _content), ("f", "before"u8.ToArray())))
        {
            var use = new DirectUse(first);
            use.Link("f", "g");
            DirectUse.Handle from = use.Open("big", OpenFlags.ReadOnly),
                file = use.Open("f", OpenFlags.ReadWrite | OpenFlags.Truncate);
            Assert.That(use.Truncate(file, 0), Is.Zero);
            Assert.That(
                first.CopyFileRange(default, from.Node, from.Number, 0, file.Node, file.Number, 0, Bytes, 0),
                Is.EqualTo(Bytes));
            Assert.That(use.Synchronize(file), Is.Zero);
            FailRewrite(use, first, () =>
            {
                byte[] later = new byte[9000];
                new Random(8).NextBytes(later);
                Assert.That(use.Write(file, Bytes, later), Is.Zero);
                _content = [.. _content, .. later];
                // The queue may have tried and failed once more since, which is told once.
                if (use.Synchronize(file) < 0)
                    Assert.That(use.Synchronize(file), Is.Zero);
            });
        }
        Assert.That(Names("early-*"), Is.Empty, "they are the redo");
        MountWithoutRoom();
        AssertNextMount();
    }

    [Test]
    public void OnlyTheRedoHasIt_TheRedoStays()
    {
        using (ZstdFileSystem first = SourceFolders.OpenWith(_place.Folder, _log, ("f", "before"u8.ToArray())))
        {
            _content = _content[..1000];
            var use = new DirectUse(first);
            use.Link("f", "g");
            DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
            Assert.That(use.Write(file, 0, _content), Is.Zero);
            FailRewrite(use, first);
        }
        Assert.That(Names("*"), Has.Length.EqualTo(1), "content in memory needs no copy once it is in the redo");
        MountWithoutRoom();
        AssertNextMount();
    }

    /// <summary>Has the first call that would change the target fail, and then the daemon die.</summary>
    private static void FailRewrite(DirectUse use, ZstdFileSystem fileSystem, Action? then = null)
    {
        FailingCalls.Arm(new Fault(1, Errno.EIO, FaultWay.FromThenOn) { Call = "copy_file_range" });
        Assert.That(use.SynchronizeAll(), Is.EqualTo(-(int)Errno.EIO));
        Assert.That(FailingCalls.Struck, Does.Contain("InPlaceRewrite"), "another call failed: it proves nothing");
        then?.Invoke();
        using (FailingCalls.Kill())
            fileSystem.Dispose();
        FailingCalls.Disarm();
    }

    private void NoteCommitted()
    {
        string name = Names("*")
            .Single(static path => !Path.GetFileName(path).StartsWith("redo-", StringComparison.Ordinal));
        using FileDescriptor copy = SourceFolders.OpenFile(name),
            stored = SourceFolders.OpenFile($"{_place.Folder}/f.zst");
        Assert.That(SystemCallsAt.Stat(stored, out Statx stat), Is.Zero);
        byte[] bytes = new byte[WorkingCopyRecord.Bytes];
        Assert.That(ExtendedAttributes.Get(copy, WorkingCopyRecord.AttributeName, bytes), Is.EqualTo(bytes.Length));
        Assert.That(WorkingCopyRecord.TryRead(bytes, out WorkingCopyRecord record), Is.True);
        (record with { CommittedInode = stat.InodeNumber }).Write(bytes);
        Assert.That(ExtendedAttributes.Set(copy, WorkingCopyRecord.AttributeName, bytes, 0), Is.Zero);
    }

    /// <summary>A mount that has no room from its beginning until it is killed.</summary>
    private void MountWithoutRoom()
    {
        FailingCalls.Arm(new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "fallocate" });
        using (ZstdFileSystem full = SourceFolders.Open(_place.Folder, _log))
        {
            Assert.That(FailingCalls.Struck, Is.Not.Null, "nothing failed: it proves nothing");
            AssertContent(full);
            using (FailingCalls.Kill())
                full.Dispose();
        }
        FailingCalls.Disarm();
    }

    private void AssertNextMount()
    {
        using (ZstdFileSystem next = SourceFolders.Open(_place.Folder, _log))
        {
            AssertContent(next);
            Assert.That(next.Drain(), Is.Zero, _log.ToString);
        }
        Assert.That(
            StockZstd.Decompress($"{_place.Folder}/g.zst", _content.Length + 1).AsSpan().SequenceEqual(_content),
            Is.True,
            _log.ToString);
        Assert.That(Names("*"), Is.Empty);
        Assert.That(Directory.Exists($"{_place.Folder}/.zstdfs/lost"), Is.False, _log.ToString);
    }

    private void AssertContent(ZstdFileSystem fileSystem)
    {
        foreach (string name in (string[])["f", "g"])
            Assert.That(
                new DirectUse(fileSystem).ReadAll(name, _content.Length).AsSpan().SequenceEqual(_content),
                Is.True,
                () => $"{name}\n{_log}");
    }

    private string[] Names(string pattern) => Directory.GetFiles($"{_place.Folder}/.zstdfs/working", pattern);
}
