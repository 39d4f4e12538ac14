using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Histories;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A file with several names is rewritten in place, and the rewrite fails on its way: the stored file is partly the
/// version before. Users get the new content all the time, whatever the mount and the next one can do about it.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class UnfinishedRewriteTests : IDisposable
{
    private const int Cut = 1_500_000, Later = 200_000;

    private readonly FaultPlace _place = new();
    private readonly EventLines _log = new();
    private ZstdFileSystem _fileSystem;
    private byte[] _content = new byte[Workload.LargeBytes];

    public UnfinishedRewriteTests()
    {
        FailingCalls.Disarm();
        new Random(3).NextBytes(_content);
        _fileSystem = SourceFolders.OpenWith(_place.Folder, _log, ("f", _content));
        Use.Link("f", "g");
        FailToRewrite();
    }

    private DirectUse Use => new(_fileSystem);

    public void Dispose()
    {
        FailingCalls.Disarm();
        _fileSystem.Dispose();
        _place.Dispose();
    }

    /// <summary>
    /// The new version is shorter. All of its frames are written over the old ones, which end behind it.
    /// </summary>
    private void FailToRewrite()
    {
        DirectUse.Handle file = Use.Open("f", OpenFlags.ReadWrite);
        Write(file, 1_000_000, 5000);
        var shorter =
            new FuseSetattrIn { Valid = SetattrValid.Size | SetattrValid.Handle, Handle = file.Number, Size = Cut };
        Assert.That(_fileSystem.SetAttributes(default, file.Node, shorter, out _), Is.Zero);
        _content = _content[..Cut];
        FailingCalls.Arm(new Fault(1, Errno.EIO, FaultWay.FromThenOn) { Call = "ftruncate" });
        Assert.That(Use.Close(file), Is.Zero);
        Assert.That(Use.SynchronizeAll(), Is.EqualTo(-(int)Errno.EIO));
        Assert.That(FailingCalls.Struck, Does.Contain("InPlaceRewrite"), "another call failed: it proves nothing");
    }

    private void Write(DirectUse.Handle file, int offset, int bytes)
    {
        byte[] patch = new byte[bytes];
        new Random(offset).NextBytes(patch);
        Assert.That(Use.Write(file, offset, patch), Is.Zero);
        patch.CopyTo(_content, offset);
    }

    private void WriteLater()
    {
        DirectUse.Handle file = Use.Open("g", OpenFlags.ReadWrite);
        Write(file, Later, 9000);
        // The queue may have tried and failed once more since, which is told once.
        if (Use.Synchronize(file) == -(int)Errno.EIO)
            Assert.That(Use.Synchronize(file), Is.Zero, "the redo and the working copy hold all of it");
        Assert.That(Use.Close(file), Is.Zero);
    }

    [Test]
    public void ItsContent_IsReadFromTheRedo_ByEveryName()
    {
        AssertContent();
        WriteLater();
        AssertContent();
        Assert.That(_log.ToString(), Does.Not.Contain("damage").And.Not.Contain("changed or deleted"));
    }

    [Test]
    public void NextCommit_FinishesItFirst([Values] bool isWrittenTo)
    {
        if (isWrittenTo)
            WriteLater();
        FailingCalls.Disarm();
        Assert.That(Use.SynchronizeAll(), Is.Zero, _log.ToString);
        AssertContent();
        AssertDrained();
    }

    [Test]
    public void KilledThen_TheNextMountFinishesIt([Values] bool isWrittenTo)
    {
        if (isWrittenTo)
            WriteLater();
        Kill();
        _fileSystem = SourceFolders.Open(_place.Folder, _log);
        AssertContent();
        AssertDrained();
    }

    [Test]
    public void NextMountWithoutRoom_ServesTheRedoUntilThereIsSome([Values] bool isWrittenTo)
    {
        if (isWrittenTo)
            WriteLater();
        Kill();
        FailingCalls.Arm(new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "fallocate" });
        _fileSystem = SourceFolders.Open(_place.Folder, _log);
        Assert.That(FailingCalls.Struck, Is.Not.Null, "nothing failed: it proves nothing");
        AssertContent();
        FailingCalls.Disarm();
        Assert.That(Use.SynchronizeAll(), Is.Zero, _log.ToString);
        AssertContent();
        AssertDrained();
    }

    [Test]
    public void LastNameGone_LeavesNothingForTheNextMount()
    {
        foreach (string name in new[] { "f", "g" })
            Assert.That(_fileSystem.Unlink(default, 1, new NativeName(Ext4.Native(name))), Is.Zero);
        FailingCalls.Disarm();
        Assert.That(_fileSystem.Drain(), Is.Zero, _log.ToString);
        Assert.That(Directory.GetFiles(Path.Combine(_place.Folder, ".zstdfs/working")), Is.Empty);
        Assert.That(Directory.Exists(Path.Combine(_place.Folder, ".zstdfs/lost")), Is.False);
    }

    private void Kill()
    {
        using (FailingCalls.Kill())
            _fileSystem.Dispose();
        FailingCalls.Disarm();
    }

    private void AssertContent()
    {
        foreach (string name in new[] { "f", "g" })
        {
            Assert.That(_fileSystem.Lookup(default, 1, new NativeName(Ext4.Native(name)), out FuseEntryOut entry),
                Is.Zero);
            Assert.That(entry.Attr.Size, Is.EqualTo((ulong)_content.Length));
            Assert.That(Use.ReadAll(name, _content.Length).AsSpan().SequenceEqual(_content), Is.True,
                () => $"{name}\n{_log}");
        }
    }

    private void AssertDrained()
    {
        Assert.That(_fileSystem.Drain(), Is.Zero, _log.ToString);
        Assert.That(Directory.GetFiles(Path.Combine(_place.Folder, ".zstdfs/working")), Is.Empty);
        foreach (string name in new[] { "f", "g" })
            Assert.That(
                StockZstd.Decompress(Path.Combine(_place.Folder, name + ".zst"), Workload.LargeBytes).AsSpan()
                    .SequenceEqual(_content),
                Is.True, name);
    }
}
