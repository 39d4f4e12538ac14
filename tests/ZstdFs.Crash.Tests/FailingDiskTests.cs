using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// The source's disk begins to refuse writes, or reads, while files are written, and works again later: the writer is
/// told, for as long as it is so; what was there stays; what was written is kept and committed once that is possible.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class FailingDiskTests : IDisposable
{
    private const int SmallBytes = 20_000, LargeBytes = 6_000_000, InputError = -(int)Errno.EIO;

    private const string SomeIsGone = "large: the disk did not take all of what was written, and some of it is gone";

    private readonly FailingSource _source;
    private readonly byte[] _old = Content(LargeBytes, 1);
    private ZstdFileSystem? _fileSystem;

    public FailingDiskTests()
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("loop devices and mounts need root");
        _source = new FailingSource();
        _fileSystem = SourceFolders.OpenWith(
            _source.Source, _source.Log, ("small", _old[..SmallBytes]), ("large", _old));
    }

    private DirectUse Use => new(_fileSystem!);

    private void Start() => _fileSystem = SourceFolders.Open(_source.Source, _source.Log);

    private int Stop()
    {
        int result = _fileSystem!.Drain();
        _fileSystem.Dispose();
        _fileSystem = null;
        return result;
    }

    public void Dispose()
    {
        _source.Disk.RefusesReads = _source.Disk.RefusesWrites = false;
        if (_fileSystem is not null)
            _ = Stop();
        if (TestContext.CurrentContext.Result.Outcome.Status == NUnit.Framework.Interfaces.TestStatus.Failed)
            TestContext.Out.WriteLine(_source.Log);
        _source.Dispose();
    }

    /// <summary>
    /// Linux reports a failed write once, to one sync of the file. A second sync would report success.
    /// </summary>
    [Test]
    public void FsyncOnARefusingDisk_FailsEachTimeUntilTheContentIsThere()
    {
        DirectUse.Handle file = Use.Open("large", OpenFlags.ReadWrite);
        byte[] patch = Content(100_000, 2);
        Assert.That(Use.Write(file, 1_000_000, patch), Is.Zero);
        _source.Disk.RefusesWrites = true;
        for (int i = 0; i < 3; i++)
            Assert.That(Use.Synchronize(file), Is.EqualTo(InputError), $"fsync {i}");
        AssertProven();
        _source.Disk.RefusesWrites = false;
        Assert.That(Use.Synchronize(file), Is.Zero);
        AssertOnDisk("large", 1_000_000, patch);
        Assert.That(Use.Close(file), Is.Zero);
        AssertCommitted("large", Patched(1_000_000, patch));
    }

    [Test]
    public void FsyncOfANewSmallFileOnARefusingDisk_FailsEachTimeUntilTheContentIsThere()
    {
        DirectUse.Handle file = Use.Create("new");
        Assert.That(Use.Write(file, 0, _old.AsSpan(0, SmallBytes)), Is.Zero);
        _source.Disk.RefusesWrites = true;
        for (int i = 0; i < 3; i++)
            Assert.That(Use.Synchronize(file), Is.EqualTo(InputError), $"fsync {i}");
        AssertProven();
        _source.Disk.RefusesWrites = false;
        Assert.That(Use.Synchronize(file), Is.Zero);
        Assert.That(Use.Close(file), Is.Zero);
        AssertCommitted("new", _old[..SmallBytes]);
    }

    [Test]
    public void CloseOfASmallFileOnARefusingDisk_TellsTheWriter_AndIsDoneLater()
    {
        byte[] next = Content(SmallBytes + 500, 3);
        _source.Disk.RefusesWrites = true;
        Assert.That(Overwrite("small", next), Is.EqualTo(InputError));
        AssertProven();
        AssertFailed("small");
        Assert.That(StockZstd.Decompress(Path.Combine(_source.Source, "small.zst"), LargeBytes),
            Is.EqualTo(_old[..SmallBytes]));
        Assert.That(Use.ReadAll("small", next.Length), Is.EqualTo(next), "who reads meanwhile");
        _source.Disk.RefusesWrites = false;
        AssertCommitsByItself("small", next);
    }

    // Pages that Linux gave up writing count as clean, and a kernel that reclaims cold memory by itself (DAMON) drops
    // some within seconds, with 23 GiB free: seen for 7 of 60 files of this size. Then the other promise is kept, and
    // it is tried again.
    [Test]
    [Retry(5)]
    public void CommitInTheBackgroundOnARefusingDisk_IsListedAndDoneLater()
    {
        byte[] next = Content(LargeBytes + 5000, 4);
        _source.Disk.RefusesWrites = true;
        Assert.That(Overwrite("large", next), Is.Zero, "what a working copy holds survives the daemon");
        Assert.That(Waiting(() => Use.Status().GetProperty("failed_files").GetInt32() == 1), Is.True);
        AssertProven();
        AssertFailed("large");
        Assert.That(StockZstd.Decompress(Path.Combine(_source.Source, "large.zst"), LargeBytes), Is.EqualTo(_old));
        DirectUse.Handle file = Use.Open("large", OpenFlags.ReadWrite);
        Assert.That(Use.Synchronize(file), Is.EqualTo(InputError), "the next who synchronises it");
        _source.Disk.RefusesWrites = false;
        Assert.That(Use.Close(file), Is.EqualTo(InputError).Or.Zero);
        Assert.That(Waiting(() => Use.Status().GetProperty("pending_files").GetInt32() == 0), Is.True,
            () => $"{Use.Status()}");
        if (_source.Log.ToString().Contains(SomeIsGone, StringComparison.Ordinal))
        {
            AssertKeptApart("large", _old);
            Assert.Fail("Linux dropped what the disk had refused, in this try");
        }
        AssertCommitted("large", next);
    }

    [Test]
    public void FileWithTwoNamesOnARefusingDisk_IsOldOrNew_AndCommittedLater()
    {
        Use.Link("small", "other");
        byte[] next = Content(SmallBytes + 500, 5);
        _source.Disk.RefusesWrites = true;
        Assert.That(Overwrite("small", next), Is.EqualTo(InputError));
        AssertProven();
        _source.Disk.RefusesWrites = false;
        AssertCommitsByItself("small", next);
        Assert.That(Use.ReadAll("other", next.Length), Is.EqualTo(next));
    }

    /// <summary>
    /// The kernel writes a working copy out by itself and fails. A reader that gets it from the disk then finds zeros.
    /// </summary>
    [Test]
    public void WriteBackThatTheDiskRefused_IsNoticedByTheCommit([Values] bool isStillInMemory)
    {
        byte[] next = Content(LargeBytes + 5000, 6);
        DirectUse.Handle file = Use.Open("large", OpenFlags.ReadWrite | OpenFlags.Truncate);
        Assert.That(Use.Write(file, 0, next), Is.Zero);
        _source.Disk.RefusesWrites = true;
        using (FileDescriptor root = SourceFolders.OpenFolder(_source.Source))
            Assert.That(SystemCallsFile.SynchronizeFileSystem(root), Is.Negative);
        AssertProven();
        _source.Disk.RefusesWrites = false;
        if (!isStillInMemory)
            DropWorkingCopies();
        DirectUse.Handle reader = Use.Open("large", OpenFlags.ReadOnly);
        Assert.That(Use.Close(file), Is.Zero);
        if (isStillInMemory)
        {
            Use.Close(reader);
            AssertCommitsByItself("large", next);
            return;
        }
        Assert.That(Waiting(() => _source.Log.ToString().Contains(SomeIsGone, StringComparison.Ordinal)), Is.True);
        Assert.That(Waiting(() => Use.Status().GetProperty("pending_files").GetInt32() == 0), Is.True);
        AssertKeptApart("large", _old);
        Assert.That(Use.ReadAll("large", LargeBytes), Is.EqualTo(_old),
            "who opens it from now on, though somebody has the lost one open");
        Use.Close(reader);
    }

    /// <summary>
    /// What the disk refuses later takes nothing away of what fsync put there before, although the kernel has dropped
    /// that from memory.
    /// </summary>
    [Test]
    public void SynchronizedBefore_StaysWhenTheDiskRefusesWhatComesLater([Values] bool isNew)
    {
        byte[] next = Content(LargeBytes + 5000, 8), patch = Content(100_000, 9);
        string name = isNew ? "new" : "large";
        DirectUse.Handle file = isNew ? Use.Create(name) : Use.Open(name, OpenFlags.ReadWrite | OpenFlags.Truncate);
        Assert.That(Use.Write(file, 0, next), Is.Zero);
        Assert.That(Use.Synchronize(file), Is.Zero);
        DropWorkingCopies();
        Assert.That(Use.Write(file, 1_000_001, patch), Is.Zero);
        patch.CopyTo(next, 1_000_001);
        _source.Disk.RefusesWrites = true;
        for (int i = 0; i < 3; i++)
            Assert.That(Use.Synchronize(file), Is.EqualTo(InputError), $"fsync {i}");
        AssertProven();
        Assert.That(Use.ReadAll(name, next.Length), Is.EqualTo(next), "who reads meanwhile");
        _source.Disk.RefusesWrites = false;
        Assert.That(Use.Synchronize(file), Is.Zero);
        AssertOnDisk(name, 0, next);
        Assert.That(Use.Close(file), Is.Zero);
        AssertCommitted(name, next);
    }

    [Test]
    public void UnmountOnARefusingDisk_SaysSo_AndTheNextMountGoesOn()
    {
        byte[] next = Content(LargeBytes + 5000, 7);
        _source.Disk.RefusesWrites = true;
        Assert.That(Overwrite("large", next), Is.Zero);
        Assert.That(Stop(), Is.EqualTo(InputError));
        AssertProven();
        Assert.That(Directory.GetFiles(Path.Combine(_source.Source, ".zstdfs/working")), Is.Not.Empty,
            "the working copy is kept");
        _source.Disk.RefusesWrites = false;
        Start();
        // Should the kernel have tried once more between the daemon's end and the disk's recovery, nobody can tell
        // which part is good.
        if (_source.Log.ToString()
            .Contains("the disk did not take all of what was written before the last mount ended",
                StringComparison.Ordinal))
        {
            Assert.That(Use.ReadAll("large", LargeBytes), Is.EqualTo(_old), "the old version");
            Assert.That(Directory.GetFiles(Path.Combine(_source.Source, ".zstdfs/lost")), Has.Length.EqualTo(1));
            return;
        }
        AssertCommitsByItself("large", next);
        Assert.That(Stop(), Is.Zero);
    }

    [Test]
    public void RefusedReads_AreErrorsForAsLongAsItIsSo()
    {
        Assert.That(Stop(), Is.Zero);
        _source.RemountDisk();
        Start();
        byte[] content = new byte[LargeBytes];
        DirectUse.Handle file = Use.Open("large", OpenFlags.ReadOnly);
        _source.Disk.RefusesReads = true;
        for (int i = 0; i < 100; i++)
            Assert.That(Use.Read("large", content), Is.EqualTo(InputError));
        AssertProven();
        Assert.That(
            _source.Log.ToString().Split('\n').Count(static line => line.Contains("large: ", StringComparison.Ordinal)),
            Is.InRange(1, 3));
        _source.Disk.RefusesReads = false;
        Assert.That(Use.ReadAll("large", LargeBytes), Is.EqualTo(_old));
        Use.Close(file);
    }

    /// <summary>The kernel drops what it need not write any more, as it does where memory is short.</summary>
    private void DropWorkingCopies()
    {
        foreach (string copy in Directory.GetFiles(Path.Combine(_source.Source, ".zstdfs/working")))
        {
            Assert.That(
                SystemCallsAt.Open(new NativeName(Ext4.Native(copy)), OpenFlags.ReadOnly, out FileDescriptor opened),
                Is.Not.Negative);
            using (opened)
                FileAdvice.DontNeed(opened);
        }
    }

    private int Overwrite(string name, byte[] content)
    {
        DirectUse.Handle file = Use.Open(name, OpenFlags.ReadWrite | OpenFlags.Truncate);
        Assert.That(Use.Write(file, 0, content), Is.Zero);
        return Use.Close(file);
    }

    private byte[] Patched(int offset, byte[] patch)
    {
        byte[] patched = (byte[])_old.Clone();
        patch.CopyTo(patched, offset);
        return patched;
    }

    private void AssertProven() =>
        Assert.That(_source.Disk.Refusals, Is.Positive, "the disk refused nothing: it proved nothing");

    /// <summary>The status names the file with its error, and so does the log.</summary>
    private void AssertFailed(string name)
    {
        System.Text.Json.JsonElement status = Use.Status();
        Assert.That(status.GetProperty("failed_files").GetInt32(), Is.EqualTo(1));
        Assert.That(status.GetProperty("files")[0].GetProperty("path").GetString(), Is.EqualTo(name));
        Assert.That(status.GetProperty("files")[0].GetProperty("error").GetString(), Is.EqualTo("EIO"));
        Assert.That(
            Waiting(() => _source.Log.ToString()
                .Contains($"error: {name}: what was written is not committed yet (EIO)", StringComparison.Ordinal)),
            Is.True);
    }

    /// <summary>
    /// Content of which some is gone: the old version stays, and what there is of the new one is kept.
    /// </summary>
    private void AssertKeptApart(string name, byte[] old)
    {
        Assert.That(StockZstd.Decompress(Path.Combine(_source.Source, name + ".zst"), old.Length), Is.EqualTo(old),
            "the old version");
        Assert.That(Directory.GetFiles(Path.Combine(_source.Source, ".zstdfs/lost")), Has.Length.EqualTo(1));
    }

    private void AssertCommitsByItself(string name, byte[] content)
    {
        Assert.That(Waiting(() => Use.Status().GetProperty("pending_files").GetInt32() == 0), Is.True,
            () => $"{Use.Status()}");
        AssertCommitted(name, content);
    }

    private void AssertCommitted(string name, byte[] content)
    {
        // The first sync of the whole file system is told of whatever the disk refused meanwhile.
        _ = Use.SynchronizeAll();
        Assert.That(Use.SynchronizeAll(), Is.Zero);
        Assert.That(Use.ReadAll(name, content.Length), Is.EqualTo(content));
        Assert.That(Stop(), Is.Zero);
        // As the disk has it, and not the memory.
        _source.RemountDisk();
        Assert.That(StockZstd.Decompress(Path.Combine(_source.Source, name + ".zst"), content.Length + 1),
            Is.EqualTo(content));
        Assert.That(Directory.GetFileSystemEntries(Path.Combine(_source.Source, ".zstdfs/working")), Is.Empty);
        Start();
        Assert.That(Use.ReadAll(name, content.Length), Is.EqualTo(content));
    }

    /// <summary>What fsync was answered for is in the working copy as the disk has it.</summary>
    private void AssertOnDisk(string name, int offset, byte[] expected)
    {
        string copy = Directory.GetFiles(Path.Combine(_source.Source, ".zstdfs/working")).Single();
        Assert.That(
            SystemCallsAt.Open(new NativeName(Ext4.Native(copy)), OpenFlags.ReadOnly, out FileDescriptor opened),
            Is.Not.Negative, name);
        using (opened)
        {
            FileAdvice.DontNeed(opened);
            byte[] found = new byte[expected.Length];
            Assert.That(SystemCallsFile.Read(opened, offset, found), Is.EqualTo(expected.Length));
            Assert.That(found, Is.EqualTo(expected));
        }
    }

    private static bool Waiting(Func<bool> condition)
    {
        for (int i = 0; i < 600 && !condition(); i++)
            Thread.Sleep(50);
        return condition();
    }

    private static byte[] Content(int bytes, int seed)
    {
        byte[] content = new byte[bytes];
        new Random(seed).NextBytes(content);
        return content;
    }
}
