using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Source;

/// <summary>
/// testdata/records: what each version of the program has written. Kept for ever, so that it stays readable.
/// </summary>
[TestFixture]
internal sealed class RecordTests
{
    private const ulong Number = (1UL << 52) + 5;

    private static readonly Statx Stored = new()
    {
        InodeNumber = 1234,
        Size = 5000,
        ModifyTime = StatxTimestamp.Of(new Timestamp(1700000000, 123456789)),
        ChangeTime = StatxTimestamp.Of(new Timestamp(1700000100, 90_000_000)),
    };

    [TestCase("stored-v1")]
    [TestCase("stored-v2")]
    public void StoredFilesRecord_SaysWhatItSaid(string name)
    {
        Assert.That(SizeRecord.TryRead(Golden(name), out SizeRecord record), Is.True);
        Assert.Multiple(() =>
        {
            Assert.That(record.LogicalBytes, Is.EqualTo(1_000_000));
            Assert.That(record.InodeNumber, Is.EqualTo(Number));
            Assert.That(record.StoredBytes, Is.EqualTo(5000));
            Assert.That(record.Birth, Is.EqualTo(new Timestamp(1600000000, 500000000)));
            Assert.That(record.Epoch, Is.EqualTo(3));
            Assert.That((record.IsFresh, record.IsOneFrame, record.HasHoles), Is.EqualTo((false, true, true)));
            Assert.That(record.IsOf(Stored), Is.True);
            Assert.That(record.Describes(Stored), Is.True);
        });
    }

    [Test]
    public void StoredFilesRecord_IsOfNoOtherFileOrVersion()
    {
        foreach (string name in new[] { "stored-v1", "stored-v2" })
        {
            Assert.That(SizeRecord.TryRead(Golden(name), out SizeRecord record), Is.True);
            Assert.That(record.IsOf(Stored with { InodeNumber = 1235 }), Is.False);
            Assert.That(record.Describes(Stored with { Size = 5001 }), Is.False);
            Assert.That(
                record.Describes(Stored with { ModifyTime = StatxTimestamp.Of(new Timestamp(1700000000, 123456790)) }),
                Is.False);
            // 2^18 seconds: what 48 bits without the upper ones would not tell apart.
            Assert.That(
                record.Describes(
                    Stored with { ModifyTime = StatxTimestamp.Of(new Timestamp(1700000000 + (1 << 18), 123456789)) }),
                Is.False);
        }
    }

    [Test]
    public void ChangeTime_CountsInItsWindowAlone()
    {
        Assert.That(SizeRecord.TryRead(Golden("stored-v1"), out SizeRecord old), Is.True);
        Assert.That(old.ChangeTimeOf(Stored), Is.EqualTo(new Timestamp(1700000100, 90_000_000)), "version 1 knew none");
        Assert.That(SizeRecord.TryRead(Golden("stored-v2"), out SizeRecord record), Is.True);
        var shown = new Timestamp(1700000050, 99);
        Assert.That(record.ChangeTimeOf(Stored), Is.EqualTo(shown));
        foreach (Timestamp other in new[] { new Timestamp(1700000100, 104_000_000),
            new Timestamp(1700000100, 40_000_000), new Timestamp(1700000200, 0), new Timestamp(1600000000, 0) })
            Assert.That(record.ChangeTimeOf(Stored with { ChangeTime = StatxTimestamp.Of(other) }), Is.EqualTo(other));
    }

    [TestCase("stored-v2")]
    public void StoredFilesRecord_IsWrittenAsItWasRead(string name)
    {
        Assert.That(SizeRecord.TryRead(Golden(name), out SizeRecord record), Is.True);
        byte[] written = new byte[SizeRecord.Bytes];
        record.Write(written);
        Assert.That(written, Is.EqualTo(Golden(name)));
    }

    [Test]
    public void RecordWithoutSizeOrOfHugeFile_KeepsTheNumberAlone()
    {
        byte[] written = new byte[SizeRecord.Bytes];
        foreach (SizeRecord record in new[] { SizeRecord.For(Stored, Number, 100).WithoutSize(),
            SizeRecord.For(Stored, Number, 1L << 48), SizeRecord.For(Stored with { Size = 1L << 48 }, Number, 5) })
        {
            record.Write(written);
            Assert.That(SizeRecord.TryRead(written, out SizeRecord read), Is.True);
            Assert.That((read.HasNoSize, read.InodeNumber, read.IsOf(Stored), read.Describes(Stored)),
                Is.EqualTo((true, Number, true, false)));
        }
    }

    [TestCase("stored-v1", 60)]
    [TestCase("stored-v2", 64)]
    public void DamagedOrCutRecord_IsNone(string name, int length)
    {
        byte[] golden = Golden(name);
        Assert.That(golden, Has.Length.EqualTo(length));
        Assert.That(SizeRecord.TryRead(golden.AsSpan(0, length - 4), out _), Is.False);
        for (int at = 0; at < length; at++)
        {
            byte[] damaged = [.. golden];
            damaged[at] ^= 1;
            Assert.That(SizeRecord.TryRead(damaged, out _), Is.False, $"byte {at}");
        }
    }

    [TestCase("working-v1", 0)]
    [TestCase("working-v2", 1700000002)]
    public void WorkingCopysRecord_SaysWhatItSaid(string name, long changeSeconds)
    {
        Assert.That(WorkingCopyRecord.TryRead(Golden(name), out WorkingCopyRecord record), Is.True);
        Assert.That(record, Is.EqualTo(new WorkingCopyRecord
        {
            InodeNumber = Number,
            Base = new StoredIdentity(1234, 5000, new Timestamp(1700000000, 123456789)),
            ModifyTime = new Timestamp(1700000001, 7),
            ChangeTime = new Timestamp(changeSeconds, changeSeconds == 0 ? 0 : 8),
            BaseLimit = 4096,
            CommittedInode = 77,
            IsLent = true,
        }));
    }

    [Test]
    public void RecordOfANewerVersion_IsKnownForOne(
        [Values(3, 100)] int version, [Values(60, 64, 72, 80, 500)] int length)
    {
        byte[] record = new byte[length];
        foreach (string name in new[] { "stored-v2", "working-v2" })
        {
            Golden(name).AsSpan(0, 2).CopyTo(record);
            record[2] = (byte)version;
            Assert.That(SizeRecord.TryRead(record, out SizeRecord stored), Is.False);
            Assert.That(stored.IsNewer, Is.EqualTo(name == "stored-v2"));
            Assert.That(WorkingCopyRecord.TryRead(record, out _), Is.False);
            Assert.That(WorkingCopyRecord.IsNewer(record), Is.EqualTo(name == "working-v2"));
        }
        foreach (string name in new[] { "stored-v1", "stored-v2", "working-v1", "working-v2" })
        {
            _ = SizeRecord.TryRead(Golden(name).AsSpan(1), out SizeRecord cut);
            Assert.That(cut.IsNewer || WorkingCopyRecord.IsNewer(Golden(name)), Is.False, name);
        }
    }

    private static byte[] Golden(string name)
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!Directory.Exists(Path.Combine(folder!.FullName, "testdata")))
            folder = folder.Parent;
        return File.ReadAllBytes(Path.Combine(folder.FullName, "testdata", "records", name));
    }
}
