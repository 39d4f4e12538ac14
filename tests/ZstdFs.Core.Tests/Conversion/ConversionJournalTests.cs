using System.Text;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Conversion;

/// <summary>What a journal makes of the states that a kill or a power cut can leave.</summary>
[TestFixture]
internal sealed class ConversionJournalTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    [Test]
    public void Journal_ReadsAsItWasWritten()
    {
        ConversionJournal written = Journal(("a/b", "x", 5, 6), ("a/b", "y", 7, 8));
        _source.WithState((_, state) =>
        {
            Assert.That(written.Write(state.Folder, 1), Is.Zero);
            ConversionJournal? read = ConversionJournal.TryRead(state.Folder, 1);
            Assert.That(read!.Names.Select(n => (Encoding.UTF8.GetString(n.Original), n.OriginalInode, n.ResultInode)),
                Is.EqualTo(new[] { ("x\0", 5UL, 6UL), ("y\0", 7UL, 8UL) }));
            Assert.That(read.Folders[0].Path, Is.EqualTo("a/b"u8.ToArray()));
            Assert.That(ConversionJournal.TryRead(state.Folder, 0), Is.Null);
        });
    }

    [Test]
    public void TornJournal_IsNone([Values(0, 8, 15, 16, 40, 100)] int length)
    {
        _source.WithState((_, state) =>
        {
            Assert.That(Journal(("", "x", 5, 6)).Write(state.Folder, 0), Is.Zero);
            using (FileStream file = File.OpenWrite($"{_source.Path}/.zstdfs/conversion-0"))
                file.SetLength(length);
            Assert.That(ConversionJournal.TryRead(state.Folder, 0), Is.Null);
        });
    }

    /// <summary>Another user may have made the file, with the right checksum.</summary>
    [Test]
    public void JournalWhoseNamesLeadElsewhere_IsNone(
        [Values("../x", "sub/x", "..", ".", "", "x\0y")] string name, [Values] bool isTarget) =>
        AssertIsNone(0, isTarget ? "x" : name, isTarget ? name : "x");

    [TestCase(1)]
    [TestCase(-1)]
    public void JournalThatNamesNoFolderOfItsOwn_IsNone(int folder) => AssertIsNone(folder, "x", "x.zst");

    private void AssertIsNone(int folder, string original, string target) => _source.WithState((_, state) =>
    {
        var journal = new ConversionJournal(
            [new JournalFolder([], Timestamp.Omit, Timestamp.Omit)],
            [
                new JournalName(folder, 0, Encoding.UTF8.GetBytes(original + "\0"),
                    Encoding.UTF8.GetBytes(target + "\0"), 1, 2, 3, default)
            ]);
        Assert.That(journal.Write(state.Folder, 0), Is.Zero);
        Assert.That(ConversionJournal.TryRead(state.Folder, 0), Is.Null);
    });

    [Test]
    public void BothForms_TheNewOneGoes()
    {
        Write("x", [1, 2, 3]);
        Write("x.zst", [9]);
        Recover(Journal(("", "x", Inode("x"), Inode("x.zst"))));
        Assert.That(Names(), Is.EqualTo(new[] { "x" }));
    }

    [Test]
    public void BothFormsButTheNewOneWasReplaced_BothStay()
    {
        Write("x", [1, 2, 3]);
        Write("x.zst", [9]);
        Recover(Journal(("", "x", Inode("x"), Inode("x.zst") + 1000)));
        Assert.That(Names(), Is.EqualTo(new[] { "x", "x.zst" }));
    }

    [Test]
    public void BothFormsButTheOldOneWasReplaced_BothStay()
    {
        Write("x", [1, 2, 3]);
        Write("x.zst", [9]);
        Recover(Journal(("", "x", Inode("x") + 1000, Inode("x.zst"))));
        Assert.That(Names(), Is.EqualTo(new[] { "x", "x.zst" }));
    }

    /// <summary>
    /// The file has another content by now, which the new form would hide. No program can have used that form: it goes.
    /// </summary>
    [TestCase("written to", true, "x")]
    [TestCase("written to", false, "x x.zst")]
    [TestCase("replaced", true, "x")]
    [TestCase("replaced", false, "x x.zst")]
    [TestCase("removed", true, "x.zst")]
    [TestCase("removed", false, "x.zst")]
    public void BothFormsButTheOldOneIsAnother(string how, bool isUntouched, string left)
    {
        Write("x", [1, 2, 3]);
        Write("x.zst", [9]);
        ConversionJournal journal = Journal(("", "x", Inode("x"), Inode("x.zst")));
        if (how == "written to")
            File.AppendAllText($"{_source.Path}/x", "more");
        else if (how == "removed")
            File.Delete($"{_source.Path}/x");
        else
        {
            _source.Write("newer", [4]);
            File.Move($"{_source.Path}/newer", $"{_source.Path}/x", overwrite: true);
        }
        Recover(journal, isUntouched);
        Assert.That(string.Join(' ', Names()), Is.EqualTo(left));
    }

    [Test]
    public void NoteOfAnotherJournal_SaysNothing()
    {
        Write("x", [1, 2, 3]);
        Write("x.zst", [9]);
        ConversionJournal journal = Journal(("", "x", Inode("x"), Inode("x.zst")));
        _source.WithState((_, state) =>
            Assert.That(Journal(("", "other", 5, 6)).Write(state.Folder, 2, saysUntouched: true), Is.Not.Negative));
        File.AppendAllText($"{_source.Path}/x", "more");
        Recover(journal);
        Assert.That(Names(), Is.EqualTo(new[] { "x", "x.zst" }));
        Assert.That(Directory.GetFiles($"{_source.Path}/.zstdfs", "conversion-*"), Is.Empty);
    }

    [Test]
    public void OneOfTwoLinksIsGoneAndTheOtherWasWrittenTo_ItStays()
    {
        Write("x.zst", [9]);
        Write("y", [1]);
        ulong result = Inode("x.zst");
        System.Diagnostics.Process.Start("ln", [$"{_source.Path}/x.zst", $"{_source.Path}/y.zst"]).WaitForExit();
        ConversionJournal journal = Journal(("", "x", 12345678, result), ("", "y", Inode("y"), result));
        File.AppendAllText($"{_source.Path}/y", "accepted");
        Recover(journal with { Names = [.. journal.Names.Select(n => n with { Job = 0 })] });
        Assert.That(Names(), Is.EqualTo(new[] { "x.zst", "y", "y.zst" }));
        Assert.That(File.ReadAllText($"{_source.Path}/y"), Does.EndWith("accepted"));
    }

    [Test]
    public void OneOfTwoLinksIsGone_TheOtherOneFollows()
    {
        Write("x.zst", [9]);
        Write("y", [1]);
        File.CreateSymbolicLink($"{_source.Path}/ignored", "y");
        ulong result = Inode("x.zst");
        System.Diagnostics.Process.Start("ln", [$"{_source.Path}/x.zst", $"{_source.Path}/y.zst"]).WaitForExit();
        Recover(Journal(("", "x", 12345678, result), ("", "y", Inode("y"), result)) is var journal
            ? journal with { Names = [.. journal.Names.Select(n => n with { Job = 0 })] } : null!);
        Assert.That(Names(), Is.EqualTo(new[] { "ignored", "x.zst", "y.zst" }));
    }

    [Test]
    public void FolderTimes_AreThoseOfTheJournal()
    {
        _source.Write("sub/x", [1]);
        Recover(Journal(("sub", "x", 1, 2)));
        Assert.That(Directory.GetLastWriteTimeUtc($"{_source.Path}/sub"), Is.EqualTo(DateTime.UnixEpoch.AddSeconds(2)));
    }

    /// <summary>Both forms have one time.</summary>
    private void Write(string name, byte[] content)
    {
        _source.Write(name, content);
        File.SetLastWriteTimeUtc($"{_source.Path}/{name}", DateTime.UnixEpoch.AddDays(9000));
    }

    private void Recover(ConversionJournal journal, bool isUntouched = false) => _source.WithState((source, state) =>
    {
        Assert.That(journal.Write(state.Folder, 2, isUntouched), Is.Not.Negative);
        Assert.That(new JournalRecovery(source, state, new ConversionProgress()).Run(), Is.Zero);
        Assert.That(ConversionJournal.TryRead(state.Folder, 2), Is.Null, "it is done with");
    });

    private ConversionJournal Journal(params (string Folder, string Name, ulong Original, ulong Result)[] names) => new(
        [new JournalFolder(Encoding.UTF8.GetBytes(names[0].Folder), new Timestamp(1, 0), new Timestamp(2, 0))],
        [.. names.Select((n, i) => new JournalName(0, i, Encoding.UTF8.GetBytes(n.Name + "\0"),
            Encoding.UTF8.GetBytes(n.Name + ".zst\0"), n.Original, n.Result, 1, ModifyTime($"{n.Name}.zst")))]);

    private ulong Inode(string name) => Stat(name).InodeNumber;

    private Timestamp ModifyTime(string name) =>
        File.Exists($"{_source.Path}/{name}") ? Stat(name).ModifyTime.ToTimestamp() : default;

    private Statx Stat(string name)
    {
        using FileDescriptor file = _source.OpenFile(name);
        Assert.That(SystemCallsAt.Stat(file, out Statx stat), Is.Zero);
        return stat;
    }

    private string[] Names() =>
        [.. Directory.GetFiles(_source.Path).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)];
}
