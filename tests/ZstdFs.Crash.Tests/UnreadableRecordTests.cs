using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Source;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>The disk does not give a file's record at this moment. That is not to say that the file has none.</summary>
[TestFixture]
internal sealed class UnreadableRecordTests
{
    [Test]
    [CancelAfter(60_000)]
    public void Commit_KeepsTheBirthTime_WhicheverReadOfAttributesFails()
    {
        int failures = 0;
        for (bool isHit = true; isHit;)
        {
            using var place = new FaultPlace();
            var log = new EventLines();
            using ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log);
            var use = new DirectUse(fileSystem);
            use.Save("f", new byte[20_000]);
            Assert.That(use.SynchronizeAll(), Is.Zero);
            Timestamp birth = BirthOf(place.Folder);
            DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
            FailingCalls.Arm(new Fault(++failures, Errno.EIO, FaultWay.Once) { Call = "fgetxattr" });
            _ = use.Write(file, 100, "changed"u8);
            _ = use.Close(file);
            _ = use.SynchronizeAll();
            isHit = FailingCalls.Struck is not null;
            FailingCalls.Disarm();
            Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
            Assert.That(BirthOf(place.Folder), Is.EqualTo(birth),
                () => $"call {failures}\n{FailingCalls.Struck}\n{log}");
        }
        Assert.That(failures, Is.GreaterThan(1), "no read of an attribute was met: it proves nothing");
    }

    private static Timestamp BirthOf(string folder)
    {
        using FileDescriptor file = SourceFolders.OpenFile(Path.Combine(folder, "f.zst"));
        Assert.That(SourceTree.TryReadRecord(file, out SizeRecord record), Is.True);
        return record.Birth;
    }
}
