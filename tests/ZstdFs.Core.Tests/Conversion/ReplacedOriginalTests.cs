using ZstdFs.Core.Checking;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Conversion.Forms;
using ZstdFs.Core.Source;
using ZstdFs.Core.Tests.Harness;
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

    [Test]
    public void FileThatAProgramWaitsToWriteTo_StaysAndTheStoredFormGoes()
    {
        _source.Write("x", [1, 2, 3]);
        _source.Write("x.zst", [4, 5]);
        WithJob((publisher, job) =>
        {
            SwapName name = job.Names[0];
            Assert.That(
                SystemCallsAt.Open(name.Folder.Descriptor, name.OriginalName, OpenFlags.ReadOnly, 0,
                    out FileDescriptor original),
                Is.GreaterThanOrEqualTo(0));
            job.Original = original;
            Assert.That(FileLease.TryTake(original), Is.Zero);
            job.IsLeased = true;
            var writer = new Thread(() => File.AppendAllBytes($"{_source.Path}/x", [6]));
            writer.Start();
            Assert.That(() => FileLease.IsAwaited(original), Is.True.After(20_000, 5), "nobody waits");
            FileLeftException left = Assert.Throws<FileLeftException>(() => publisher.Retire(job))!;
            Assert.That(left.Reason, Is.EqualTo(LeftReason.OpenForWriting));
            job.CloseFiles();
            writer.Join();
        });
        Assert.That(File.ReadAllBytes($"{_source.Path}/x"), Is.EqualTo(new byte[] { 1, 2, 3, 6 }));
        Assert.That(File.Exists($"{_source.Path}/x.zst"), Is.False);
    }

    [Test]
    public void FormThatIsToStay_IsLookedAtOnceMore([Values("kept", "removed", "replaced", "written to")] string what)
    {
        _source.Write("x", [1, 2, 3]);
        _source.Write("x.zst", [4, 5]);
        WithJob((_, job) =>
        {
            string kept = $"{_source.Path}/x.zst";
            job.Kept = StoredIdentity.Of(Look("x.zst"));
            if (what == "removed")
                File.Delete(kept);
            else if (what == "replaced")
                File.Copy($"{_source.Path}/x", kept, overwrite: true);
            else if (what == "written to")
                File.AppendAllText(kept, "more");
            if (what == "kept")
                KeptTarget.RequireSame(job);
            else
                Assert.That(Assert.Throws<FileLeftException>(() => KeptTarget.RequireSame(job))!.Reason,
                    Is.EqualTo(LeftReason.Changed));
        });
    }

    [Test]
    public void HardLinks_AreTakenAsTheyAre([Values("kept", "one more", "one gone", "one replaced")] string what)
    {
        _source.Write("a", [1]);
        Link("a", "b");
        var group = new HardLinks.Group(2);
        foreach (string name in (string[])["a", "b"])
            group.Names.Add(([], System.Text.Encoding.ASCII.GetBytes(name + "\0"),
                System.Text.Encoding.ASCII.GetBytes(name + ".zst\0")));
        if (what == "one more")
            Link("a", "c");
        else if (what != "kept")
            File.Delete($"{_source.Path}/b");
        if (what == "one replaced")
        {
            Link("a", "c");
            _source.Write("b", [1]);
        }
        _source.WithState((tree, _) =>
        {
            var folders = new FolderSet(tree);
            bool isTaken = folders.TryNames(group, out SwapName[] names, out Statx _);
            Assert.That(isTaken, Is.EqualTo(what == "kept"));
            foreach (SwapName name in isTaken ? names : [])
                name.Folder.Release();
            folders.Release();
        });
    }

    private void Link(string name, string other) =>
        System.Diagnostics.Process.Start("ln", [$"{_source.Path}/{name}", $"{_source.Path}/{other}"]).WaitForExit();

    /// <summary>A run was killed between the two steps of a removal.</summary>
    [TestCase(false, true, "x.zst", TestName = "KilledBeforeTheRemoval_ItIsDone")]
    [TestCase(true, true, "x x.zst", TestName = "KilledBeforeAnotherFileGotItsNameBack_ItGetsIt")]
    [TestCase(false, false, "x", TestName = "KilledAndTheStoredFormIsGone_TheFileGetsItsNameBack")]
    public void Killed(bool isAnother, bool isStored, string left) => KilledBefore(isAnother, isStored, left, Recover);

    private void Recover() => _source.WithState(static (tree, state) =>
        Assert.That(new JournalRecovery(tree, state, new ConversionProgress()).Run(), Is.Zero));

    private void KilledBefore(bool isAnother, bool isStored, string left, Action recover)
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
        recover();
        Assert.That(
            string.Join(' ', Directory.GetFiles(_source.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal)),
            Is.EqualTo(left));
        Assert.That(Directory.GetFiles($"{_source.Path}/.zstdfs/working"), Is.Empty);
    }

    /// <summary>The check names what the run left, mends it whole, and finds nothing of it in the next run.</summary>
    [TestCase(true, "x.zst", TestName = "KilledBeforeTheRemoval_TheCheckMendsIt")]
    [TestCase(false, "x", TestName = "KilledAndTheStoredFormIsGone_TheCheckMendsIt")]
    public void KilledBeforeACheck(bool isStored, string left)
    {
        KilledBefore(isAnother: false, isStored, left, () =>
        {
            Assert.That(Unfinished(), Is.EqualTo((string[])["False", "False"]), "the journal, and the old form");
            Assert.That(Unfinished(new CheckOptions { Repair = true }), Is.EqualTo((string[])["True"]));
            Assert.That(Unfinished(), Is.Empty);
        });
    }

    /// <summary>Whether each interrupted conversion that a check names was mended.</summary>
    private string[] Unfinished(CheckOptions? options = null)
    {
        _source.Check(options);
        return [.. _source.Faults.Where(static f => f.Kind == FaultKind.UnfinishedConversion)
            .Select(static f => $"{f.IsMended}")];
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
        Recover();
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
        // Of both forms, as a conversion leaves them.
        var time = new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc($"{_source.Path}/x", time);
        File.SetLastWriteTimeUtc($"{_source.Path}/x.zst", time);
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
        work(new SwapPublisher(tree, state), job);
        folder.Release();
    });
}
