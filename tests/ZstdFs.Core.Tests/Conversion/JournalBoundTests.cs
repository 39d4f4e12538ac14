using System.Text;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Conversion;

/// <summary>No journal is longer than what the next run reads.</summary>
[TestFixture]
internal sealed class JournalBoundTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    [Test]
    public void JournalThatNoRunWouldRead_IsNotWritten()
    {
        byte[] longest = [.. Enumerable.Repeat((byte)'x', 255), 0];
        var name = new JournalName(0, 0, longest, longest, 1, 2, 3, new Timestamp(1, 0));
        var journal = new ConversionJournal(
            [new JournalFolder([], new Timestamp(1, 0), new Timestamp(1, 0))], [.. Enumerable.Repeat(name, 600_000)]);
        _source.WithState((_, state) =>
        {
            Assert.That(journal.Write(state.Folder, 0), Is.EqualTo(-(int)Errno.EFBIG));
            Assert.That(File.Exists($"{_source.Path}/.zstdfs/conversion-0"), Is.False);
        });
    }

    [Test]
    public void LengthOfAJournal_IsKnownBefore()
    {
        SwapJob job = Job(300);
        _source.WithState((_, state) =>
        {
            Assert.That(ConversionJournal.Of([job]).Write(state.Folder, 0), Is.Zero);
            Assert.That(
                new FileInfo($"{_source.Path}/.zstdfs/conversion-0").Length,
                Is.EqualTo(ConversionJournal.BytesFor(job)));
        });
        job.Names[0].Folder.Release();
    }

    [Test]
    public void Batch_TakesNamesUpToItsBound()
    {
        SwapJob job = Job(40_000);
        var batch = new Batch(0);
        Assert.That(batch.HasRoomFor(job), Is.True);
        while (batch.HasRoomFor(job) && batch.Jobs.Count < 1000)
            batch.Add(job);
        Assert.That(
            ConversionJournal.BytesFor(job) * batch.Jobs.Count, Is.LessThan(ConversionJournal.LargestBytes / 2));
        job.Names[0].Folder.Release();
    }

    private SwapJob Job(int names)
    {
        FileDescriptor root = _source.Open();
        Assert.That(SystemCallsAt.Stat(root, out Statx stat), Is.Zero);
        var folder = new SourceFolder(root, [], stat);
        return new SwapJob([.. Enumerable.Range(0, names).Select(i =>
            new SwapName(
                folder, Encoding.ASCII.GetBytes($"name{i}\0"), Encoding.ASCII.GetBytes($"name{i}.zst\0")))], stat);
    }
}
