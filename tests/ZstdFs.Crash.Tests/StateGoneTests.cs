using System.Globalization;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// Beside a working copy that was never synchronised, <c>.zstdfs/state</c> is gone, and with it what would tell whether
/// there was a power cut.
/// </summary>
[TestFixture]
[CancelAfter(60_000)]
internal sealed class StateGoneTests
{
    private const uint OldEpoch = 7;

    private static readonly byte[] Old = Content(600_000, 1), New = Content(600_000, 2);

    [Test]
    public void WorkingCopy_IsCommittedOnlyWhereAllOfItWasOnDisk(
        [Values("there", "removed", "empty", "zeros")] string state, [Values] bool isSynchronized)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        string folder = $"{place.Folder}/.zstdfs", name = Leave(place, log, isSynchronized);
        Damage($"{folder}/state", state);
        bool isCommitted = state == "there" || isSynchronized;
        using (ZstdFileSystem next = SourceFolders.Open(place.Folder, log))
        {
            byte[] shown = new DirectUse(next).ReadAll("f", Old.Length);
            Assert.That(shown.AsSpan().SequenceEqual(isCommitted ? New : Old), Is.True, log.ToString);
            Assert.That(next.Drain(), Is.Zero, log.ToString);
        }
        Assert.That(Directory.GetFiles($"{folder}/working"), Is.Empty, log.ToString);
        string lost = $"{folder}/lost/{name}";
        Assert.That(File.Exists(lost), Is.EqualTo(!isCommitted), log.ToString);
        if (!isCommitted)
            Assert.That(File.ReadAllBytes(lost).AsSpan().SequenceEqual(New), Is.True);
        if (state != "there")
            Assert.That(Epoch(folder), Is.GreaterThan(OldEpoch));
    }

    [Test]
    public void WhatIsInLost_IsNotMetByTheNamesOfTheNextMount()
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        string folder = $"{place.Folder}/.zstdfs";
        _ = Leave(place, log, isSynchronized: false);
        for (int i = 0; i < 2; i++)
        {
            File.Delete($"{folder}/state");
            SourceFolders.Open(place.Folder, log).Dispose();
            Assert.That(Epoch(folder), Is.GreaterThan(OldEpoch));
        }
    }

    [Test]
    public void FirstMount_BeginsAtTheFirstEpoch([Values] bool hasEmptyState)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        if (hasEmptyState)
        {
            Directory.CreateDirectory($"{place.Folder}/.zstdfs");
            File.WriteAllBytes($"{place.Folder}/.zstdfs/state", new byte[StateRecord.Bytes]);
        }
        SourceFolders.Open(place.Folder, log).Dispose();
        StateRecord record = StateRecord.Read(File.ReadAllBytes($"{place.Folder}/.zstdfs/state"));
        Assert.That((record.Epoch, record.SuspectTo), Is.EqualTo((1u, 0u)));
        Assert.That(Directory.Exists($"{place.Folder}/.zstdfs/lost"), Is.False);
    }

    /// <summary>A file, and a working copy over it that holds other content, as a mount leaves it that dies.</summary>
    private static string Leave(FaultPlace place, EventLines log, bool isSynchronized)
    {
        using (ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log))
        {
            new DirectUse(fileSystem).Save("f", Old);
            Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        }
        using FileDescriptor stored = SourceFolders.OpenFile($"{place.Folder}/f.zst");
        Assert.That(SystemCallsAt.Stat(stored, out Statx stat), Is.Zero);
        Assert.That(SourceTree.TryReadRecord(stored, out SizeRecord record), Is.True);
        string name = string.Create(
            CultureInfo.InvariantCulture,
                $"{record.InodeNumber:x16}-{OldEpoch:x}-1{(isSynchronized ? ".synced" : "")}");
        string path = $"{place.Folder}/.zstdfs/working/{name}";
        File.WriteAllBytes(path, New);
        byte[] bytes = new byte[WorkingCopyRecord.Bytes];
        new WorkingCopyRecord
        {
            InodeNumber = record.InodeNumber,
            Base = StoredIdentity.Of(stat),
            BaseLimit = Old.Length,
            ModifyTime = Timestamp.Now(),
        }.Write(bytes);
        using FileDescriptor copy = SourceFolders.OpenFile(path);
        Assert.That(ExtendedAttributes.Set(copy, WorkingCopyRecord.AttributeName, bytes, 0), Is.Zero);
        Assert.That(ExtendedAttributes.Set(copy, WorkingCopyRecord.PathAttributeName, "f"u8, 0), Is.Zero);
        return name;
    }

    private static void Damage(string path, string how)
    {
        if (how == "removed")
            File.Delete(path);
        else if (how != "there")
            File.WriteAllBytes(path, how == "empty" ? [] : new byte[StateRecord.Bytes]);
    }

    private static uint Epoch(string folder) => StateRecord.Read(File.ReadAllBytes($"{folder}/state")).Epoch;

    private static byte[] Content(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
