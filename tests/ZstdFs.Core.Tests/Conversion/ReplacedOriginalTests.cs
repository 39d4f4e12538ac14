using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Conversion;

/// <summary>
/// Another program renames a file over one that was just converted, after the last look at it and before it is removed:
/// the name, and the content, stay that program's.
/// </summary>
[TestFixture]
internal sealed class ReplacedOriginalTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    [Test]
    public void FileThatTookTheNameMeanwhile_StaysAndTheStoredFormOfTheOldOneGoes()
    {
        _source.Write("x", [1, 2, 3]);
        _source.Write("x.zst", [4, 5]);
        _source.Write("newer", [6, 7, 8]);
        WithJob((publisher, job) =>
        {
            File.Move($"{_source.Path}/newer", $"{_source.Path}/x", overwrite: true);
            FileLeftException left = Assert.Throws<FileLeftException>(() => publisher.Retire(job))!;
            Assert.That(left.Reason, Is.EqualTo(LeftReason.Changed));
            Assert.That(publisher.Unfinished, Is.Zero);
        });
        Assert.That(File.ReadAllBytes($"{_source.Path}/x"), Is.EqualTo(new byte[] { 6, 7, 8 }));
        Assert.That(File.Exists($"{_source.Path}/x.zst"), Is.False, "it would hide the newer content");
        Assert.That(Directory.GetFiles($"{_source.Path}/.zstdfs/working"), Is.Empty);
    }

    [Test]
    public void FileThatWasConverted_Goes()
    {
        _source.Write("x", [1, 2, 3]);
        _source.Write("x.zst", [4, 5]);
        WithJob(static (publisher, job) => publisher.Retire(job));
        Assert.That(string.Join(' ', Directory.GetFiles(_source.Path).Select(Path.GetFileName)), Is.EqualTo("x.zst"));
        Assert.That(Directory.GetFiles($"{_source.Path}/.zstdfs/working"), Is.Empty);
    }

    /// <summary>A run was killed between the two steps of a removal.</summary>
    [TestCase(false, true, "x.zst", TestName = "KilledBeforeTheRemoval_ItIsDone")]
    [TestCase(true, true, "x x.zst", TestName = "KilledBeforeAnotherFileGotItsNameBack_ItGetsIt")]
    [TestCase(false, false, "x", TestName = "KilledAndTheStoredFormIsGone_TheFileGetsItsNameBack")]
    public void Killed(bool isAnother, bool isStored, string left)
    {
        _source.Write("x", [1, 2, 3]);
        _source.Write("x.zst", [4, 5]);
        ulong number = Look("x").InodeNumber;
        WithJob((_, job) =>
        {
            _source.WithJournal(job);
            if (isAnother)
            {
                _source.Write("newer", [6]);
                File.Move($"{_source.Path}/newer", $"{_source.Path}/x", overwrite: true);
            }
            File.Move($"{_source.Path}/x", $"{_source.Path}/.zstdfs/working/aside-{number:x}-0");
            if (!isStored)
                File.Delete($"{_source.Path}/x.zst");
        });
        _source.WithState(static (tree, state) => Assert.That(new JournalRecovery(tree, state, new ConversionProgress()).Run(), Is.Zero));
        Assert.That(string.Join(' ', Directory.GetFiles(_source.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal)), Is.EqualTo(left));
        Assert.That(Directory.GetFiles($"{_source.Path}/.zstdfs/working"), Is.Empty);
    }

    [Test]
    public void NameThatAThirdFileHasByNow_LeavesTheSecondInLost()
    {
        _source.Write("x", [1, 2, 3]);
        _source.Write("x.zst", [4, 5]);
        ulong number = Look("x").InodeNumber;
        WithJob((_, job) =>
        {
            _source.WithJournal(job);
            _source.Write("second", [6]);
            File.Move($"{_source.Path}/second", $"{_source.Path}/.zstdfs/working/aside-{number:x}-0");
            File.Delete($"{_source.Path}/x");
            _source.Write("x", [7]);
        });
        _source.WithState(static (tree, state) => Assert.That(new JournalRecovery(tree, state, new ConversionProgress()).Run(), Is.Zero));
        Assert.That(File.ReadAllBytes($"{_source.Path}/x"), Is.EqualTo(new byte[] { 7 }));
        Assert.That(File.ReadAllBytes($"{_source.Path}/.zstdfs/lost/aside-{number:x}-0"), Is.EqualTo(new byte[] { 6 }));
    }

    private Statx Look(string name)
    {
        using FileDescriptor file = _source.OpenFile(name);
        Assert.That(SystemCallsAt.Stat(file, out Statx stat), Is.Zero);
        return stat;
    }

    /// <summary>The conversion of x into x.zst, when both have their names.</summary>
    private void WithJob(Action<SwapPublisher, SwapJob> work) => _source.WithState((tree, state) =>
    {
        FileDescriptor root = _source.Open();
        Assert.That(SystemCallsAt.Stat(root, out Statx stat), Is.Zero);
        var folder = new SourceFolder(root, [], stat);
        Statx stored = Look("x.zst");
        var job = new SwapJob([new SwapName(folder, "x\0"u8.ToArray(), "x.zst\0"u8.ToArray())], Look("x"))
        {
            ResultInode = stored.InodeNumber,
            ResultBytes = stored.Size,
            Published = 1,
        };
        job.Stat.ModifyTime = stored.ModifyTime;
        work(new SwapPublisher(tree, state), job);
        folder.Release();
    });
}
