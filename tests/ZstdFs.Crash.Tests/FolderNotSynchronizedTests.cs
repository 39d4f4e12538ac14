using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// fsync was answered from the working copy, the commit's rename is made, and the folder's sync fails: a power cut may
/// give the name back to the version before. What fsync confirmed is there whatever comes next.
/// </summary>
[TestFixture]
[CancelAfter(60_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class FolderNotSynchronizedTests : IDisposable
{
    private static readonly byte[] Old = Content(2_000_000, 1), New = Content(2_200_000, 2);
    private static readonly byte[] Newest = Content(2_300_000, 3);

    private readonly FaultPlace _place = new();
    private readonly EventLines _log = new();
    private readonly byte[] _oldStored;
    private ZstdFileSystem _fileSystem;

    public FolderNotSynchronizedTests()
    {
        FailingCalls.Disarm();
        _fileSystem = SourceFolders.Open(_place.Folder, _log);
        Use.Save("f", Old);
        // The queue of this mount would look at the file once more, on a busy machine before the folder is refused.
        Assert.That(_fileSystem.Drain(), Is.Zero);
        _fileSystem.Dispose();
        _oldStored = File.ReadAllBytes(Stored);
        _fileSystem = SourceFolders.Open(_place.Folder, _log);
        DirectUse.Handle file = Use.Open("f", OpenFlags.ReadWrite);
        Assert.That(Use.Write(file, 0, New), Is.Zero);
        Assert.That(Use.Synchronize(file), Is.Zero);
        Refuse();
        Assert.That(Use.Close(file), Is.Zero, "a killed daemon loses nothing");
        Assert.That(Use.SynchronizeAll(), Is.EqualTo(-(int)Errno.EIO));
        Assert.That(FailingCalls.Struck, Does.Contain("SynchronizeFolder"), "another call failed: it proves nothing");
        AssertStored(New);
    }

    private DirectUse Use => new(_fileSystem);

    private string Stored => $"{_place.Folder}/f.zst";

    private string[] Working => Directory.GetFiles($"{_place.Folder}/.zstdfs/working");

    public void Dispose()
    {
        FailingCalls.Disarm();
        _fileSystem.Dispose();
        _place.Dispose();
    }

    [Test]
    public void WorkingCopy_GoesWithTheNextSyncThatSucceeds([Values] bool isQueues)
    {
        Assert.That(Working, Has.Length.EqualTo(1), _log.ToString);
        Assert.That(Use.Status().GetProperty("files")[0].GetProperty("error").GetString(), Is.EqualTo("EIO"));
        FailingCalls.Disarm();
        if (!isQueues)
            Assert.That(Use.SynchronizeAll(), Is.Zero, _log.ToString);
        Assert.That(() => Working, Is.Empty.After(20_000, 50), _log.ToString);
        Assert.That(Use.ReadAll("f", New.Length).AsSpan().SequenceEqual(New), Is.True);
        AssertDrained(New);
    }

    [Test]
    public void Fsync_TellsUntilTheFolderIsOnDisk()
    {
        DirectUse.Handle file = Use.Open("f", OpenFlags.ReadWrite);
        for (int i = 0; i < 3; i++)
            Assert.That(Use.Synchronize(file), Is.EqualTo(-(int)Errno.EIO));
        FailingCalls.Disarm();
        Assert.That(Use.Synchronize(file), Is.Zero);
        Assert.That(Use.Close(file), Is.Zero);
        AssertDrained(New);
    }

    [Test]
    public void WrittenToMeanwhile_IsCommittedWhenTheFolderIsOnDisk([Values(9000, 2_300_000)] int bytes)
    {
        byte[] expected = [.. Newest[..bytes], .. New.Skip(bytes)];
        DirectUse.Handle file = Use.Open("f", OpenFlags.ReadWrite);
        Assert.That(Use.Write(file, 0, Newest.AsSpan(0, bytes)), Is.Zero);
        _ = Use.Close(file);
        Assert.That(Use.SynchronizeAll(), Is.EqualTo(-(int)Errno.EIO));
        Assert.That(Use.ReadAll("f", Newest.Length).AsSpan().SequenceEqual(expected), Is.True);
        AssertStored(New);
        FailingCalls.Disarm();
        AssertDrained(expected);
    }

    [Test]
    public void Unmount_TellsAndTheNextMountGoesOn([Values] bool isRenameLost)
    {
        Assert.That(_fileSystem.Drain(out int kept), Is.EqualTo(-(int)Errno.EIO));
        Assert.That(kept, Is.EqualTo(1), _log.ToString);
        _fileSystem.Dispose();
        AssertNextMount(isRenameLost);
    }

    [Test]
    public void KilledThen_TheNextMountFindsWhichIsTrue([Values] bool isRenameLost)
    {
        using (FailingCalls.Kill())
            _fileSystem.Dispose();
        AssertNextMount(isRenameLost);
    }

    [Test]
    public void LastNameGone_LeavesNothing()
    {
        Assert.That(_fileSystem.Unlink(default, 1, new NativeName(Ext4.Native("f"))), Is.Zero);
        FailingCalls.Disarm();
        Assert.That(_fileSystem.Drain(), Is.Zero, _log.ToString);
        Assert.That(Working, Is.Empty);
    }

    private static void Refuse() => FailingCalls.Arm(new Fault(1, Errno.EIO, FaultWay.FromThenOn) { Call = "fsync" });

    private void AssertNextMount(bool isRenameLost)
    {
        FailingCalls.Disarm();
        Assert.That(Working, Has.Length.EqualTo(1), _log.ToString);
        if (isRenameLost)
            TakeRenameBack();
        PowerCut.BootAnew(_place.Folder);
        _fileSystem = SourceFolders.Open(_place.Folder, _log);
        Assert.That(Use.ReadAll("f", New.Length).AsSpan().SequenceEqual(New), Is.True, _log.ToString);
        AssertDrained(New);
    }

    /// <summary>The version before is another file by now, and the working copy is told so.</summary>
    private void TakeRenameBack()
    {
        File.Delete(Stored);
        File.WriteAllBytes(Stored, _oldStored);
        Statx stat;
        using (FileDescriptor stored = SourceFolders.OpenFile(Stored))
            Assert.That(SystemCallsAt.Stat(stored, out stat), Is.Zero);
        using FileDescriptor copy = SourceFolders.OpenFile(Working.Single());
        byte[] bytes = new byte[WorkingCopyRecord.Bytes];
        Assert.That(ExtendedAttributes.Get(copy, WorkingCopyRecord.AttributeName, bytes), Is.EqualTo(bytes.Length));
        Assert.That(WorkingCopyRecord.TryRead(bytes, out WorkingCopyRecord record), Is.True);
        Assert.That(record.CommittedInode, Is.Not.Zero);
        (record with { Base = StoredIdentity.Of(stat) }).Write(bytes);
        Assert.That(ExtendedAttributes.Set(copy, WorkingCopyRecord.AttributeName, bytes, 0), Is.Zero);
    }

    private void AssertStored(byte[] expected)
    {
        byte[] stored = StockZstd.Decompress(Stored, Newest.Length + 1);
        Assert.That(stored.AsSpan().SequenceEqual(expected), Is.True, _log.ToString);
    }

    private void AssertDrained(byte[] expected)
    {
        Assert.That(_fileSystem.Drain(), Is.Zero, _log.ToString);
        AssertStored(expected);
        Assert.That(Working, Is.Empty);
        Assert.That(Directory.Exists($"{_place.Folder}/.zstdfs/lost"), Is.False, _log.ToString);
    }

    private static byte[] Content(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
