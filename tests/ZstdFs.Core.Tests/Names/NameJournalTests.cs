using System.Text;
using ZstdFs.Core.Names;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Names;

/// <summary>A crash between the two steps of a rename between a stored file and what is stored as itself.</summary>
[TestFixture]
internal sealed class NameJournalTests : IEventLog
{
    private sealed class Crash : Exception;

    private readonly List<string> _log = [];

    private static byte[] Terminated(string name) => Encoding.UTF8.GetBytes(name + "\0");

    /// <summary>
    /// Makes a source with the stored file s/a.zst and the folder (or fifo) d/b, and begins a rename of one to the
    /// other's name.
    /// </summary>
    private static void Begin(TestSource source, bool exchanges, bool firstStepIsDone, bool otherIsStored,
        Action? afterwards = null)
    {
        source.Write("s/a.zst", [1, 2, 3]);
        Directory.CreateDirectory($"{source.Path}/d/below");
        if (otherIsStored)
            source.Write("d/below/b.zst", [4]);
        else
            Directory.CreateDirectory($"{source.Path}/d/below/b");
        string other = otherIsStored ? "b.zst" : "b", moved = otherIsStored ? "b" : "b.zst",
            from = otherIsStored ? "a" : "a.zst";
        if (otherIsStored)
            File.Move($"{source.Path}/s/a.zst", $"{source.Path}/s/a");
        source.WithState((tree, state) =>
        {
            var journal = new NameJournal(tree, state, new NameJournalTests());
            JournaledName first =
                new(Encoding.UTF8.GetBytes("d/below"), Terminated(moved), Number(source, $"s/{from}"));
            JournaledName second =
                new(Encoding.UTF8.GetBytes("d/below"), Terminated(other), Number(source, $"d/below/{other}"));
            JournaledName? destination = exchanges
                ? new JournaledName(Encoding.UTF8.GetBytes("s"), Terminated(otherIsStored ? "a.zst" : "a"), 0) : null;
            Assert.Throws<Crash>(() => journal.Run(first, second, destination, Steps(() =>
            {
                Assert.That(journal.Sequence % 2, Is.EqualTo(1));
                if (firstStepIsDone)
                    File.Move($"{source.Path}/s/{from}", $"{source.Path}/d/below/{moved}");
                throw new Crash();
            })));
            Assert.That(journal.Sequence % 2, Is.Zero);
            afterwards?.Invoke();
        });
    }

    /// <summary>Another user may have made the journal, with the right checksum.</summary>
    [TestCase("../victim", null)]
    [TestCase("b", "../moved")]
    public void NamesThatLeadOutOfTheirFolder_AreLeftAlone(string other, string? destination)
    {
        using var source = new TestSource();
        source.Write("d/below/a.zst", [1]);
        source.Write("d/below/b", [2]);
        source.Write("d/victim", [3]);
        byte[] folder = "d/below"u8.ToArray();
        source.WithState((tree, state) =>
        {
            JournaledName first = new(folder, Terminated("a.zst"), Number(source, "d/below/a.zst")),
                second = new(folder, Terminated(other), Number(source, $"d/below/{other}"));
            JournaledName? to = destination is null ? null : new JournaledName(folder, Terminated(destination), 0);
            Assert.Throws<Crash>(() => new NameJournal(tree, state, this)
                .Run(first, second, to, Steps(static () => throw new Crash())));
        });
        source.WithState((tree, state) => Assert.That(new NameJournal(tree, state, this).Recover(), Is.Zero));
        Assert.That(Directory.GetFileSystemEntries($"{source.Path}/d"),
            Is.EquivalentTo(new[] { $"{source.Path}/d/below", $"{source.Path}/d/victim" }));
        Assert.That(File.Exists($"{source.Path}/d/below/b"), Is.True);
    }

    private static TwoSteps Steps(Func<int> first, Func<int>? second = null, Func<int>? undo = null) =>
        new((1, "a"u8.ToArray()), (2, "b"u8.ToArray()), first, second ?? (static () => 0), undo ?? (static () => 0),
            static () => { });

    private static ulong Number(TestSource source, string name)
    {
        Assert.That(
            SystemCallsAt.Open(new NativeName(Terminated($"{source.Path}/{name}")),
                OpenFlags.PathOnly | OpenFlags.NoFollow, out FileDescriptor file),
            Is.GreaterThanOrEqualTo(0));
        using (file)
        {
            Assert.That(SystemCallsAt.Stat(file, out Statx stat), Is.GreaterThanOrEqualTo(0));
            return stat.InodeNumber;
        }
    }

    private string Recover(TestSource source)
    {
        source.WithState((tree, state) => new NameJournal(tree, state, this).Recover());
        Assert.That(File.Exists($"{source.Path}/.zstdfs/names"), Is.False);
        return string.Join(' ', Directory.EnumerateFileSystemEntries(source.Path, "*", SearchOption.AllDirectories)
            .Select(p => Path.GetRelativePath(source.Path, p))
            .Where(p => !p.StartsWith(".zstdfs", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [TestCase(true, true, false, "d d/below d/below/b.zst s s/a")]
    [TestCase(true, false, false, "d d/below d/below/b s s/a.zst")]
    [TestCase(true, true, true, "d d/below d/below/b s s/a.zst")]
    [TestCase(false, true, true, "d d/below d/below/b s")]
    [TestCase(false, false, true, "d d/below d/below/b.zst s s/a")]
    public void CrashBetweenTheSteps_IsFinishedByTheNextMountAndBeforeThemIsNothing(bool exchanges,
        bool firstStepIsDone, bool otherIsStored, string left)
    {
        using var source = new TestSource();
        Begin(source, exchanges, firstStepIsDone, otherIsStored);
        Assert.That(Recover(source), Is.EqualTo(left));
        Assert.That(_log, firstStepIsDone ? Has.Count.EqualTo(1) : Is.Empty);
        Assert.That(Recover(source), Is.EqualTo(left), "a second recovery finds nothing to do");
    }

    [TestCase("d.zst", "d.zs%", TestName = "FolderOfAnEscapedName_IsFound")]
    [TestCase("d.zst", "d.zst", TestName = "FolderOfAnEarlierVersion_IsFound")]
    [TestCase("d.zs%", "d.zs%%", TestName = "FolderOfANameThatLooksEscaped_IsFound")]
    public void Folder(string logical, string inSource)
    {
        using var source = new TestSource();
        source.Write($"{inSource}/b.zst", [4]);
        source.Write($"{inSource}/b", [1]);
        source.WithState((tree, state) => Assert.Throws<Crash>(() => new NameJournal(tree, state, this).Run(
            new JournaledName(Encoding.UTF8.GetBytes(logical), Terminated("b"), Number(source, $"{inSource}/b")),
            new JournaledName(Encoding.UTF8.GetBytes(logical), Terminated("b.zst"),
                Number(source, $"{inSource}/b.zst")),
                null, Steps(static () => throw new Crash()))));
        Assert.That(Recover(source), Is.EqualTo($"{inSource} {inSource}/b"));
    }

    [Test]
    public void WhatSomebodyElsePutThereSince_IsNotTouched()
    {
        using var source = new TestSource();
        Begin(source, exchanges: false, firstStepIsDone: true, otherIsStored: true, () =>
        {
            File.Move($"{source.Path}/d/below/b.zst", $"{source.Path}/d/kept");
            source.Write("d/below/b.zst", [9, 9]);
        });
        Assert.That(Recover(source), Is.EqualTo("d d/below d/below/b d/below/b.zst d/kept s"));
    }

    [Test]
    public void WayBackThatFails_IsTriedAgainAndItsNamesWaitForIt()
    {
        const int Refused = -(int)Errno.EIO;
        using var source = new TestSource();
        source.Write("s/a.zst", [1, 2, 3]);
        source.Write("d/b", [4]);
        int refusals = 3;
        source.WithState((tree, state) =>
        {
            var journal = new NameJournal(tree, state, this);
            var moved = new JournaledName("d"u8.ToArray(), Terminated("b.zst"), Number(source, "s/a.zst"));
            var other = new JournaledName("d"u8.ToArray(), Terminated("b"), Number(source, "d/b"));
            TwoSteps steps = Steps(
                () => { File.Move($"{source.Path}/s/a.zst", $"{source.Path}/d/b.zst"); return 0; },
                static () => Refused,
                () =>
                {
                    if (refusals-- > 0)
                        return Refused;
                    File.Move($"{source.Path}/d/b.zst", $"{source.Path}/s/a.zst");
                    return 0;
                });
            Assert.That(journal.Run(moved, other, null, steps), Is.EqualTo(Refused));
            Assert.That(File.Exists($"{source.Path}/.zstdfs/names"),
                "a mount that dies now leaves the journal to the next");
            Assert.That(journal.Settle(1, "a"u8), Is.EqualTo(Refused),
                "a name that leads to something else at this moment");
            Assert.That(journal.Settle(1, "c"u8), Is.Zero, "another name does not suffer");
            Assert.That(journal.Settle(2, "b"u8), Is.Zero);
            Assert.That(File.Exists($"{source.Path}/s/a.zst") && File.Exists($"{source.Path}/d/b"));
            Assert.That(File.Exists($"{source.Path}/.zstdfs/names"), Is.False);
        });
        Assert.That(Recover(source), Is.EqualTo("d d/b s s/a.zst"));
    }

    /// <summary>A thread may carry the umask of the caller that it served last.</summary>
    [Test]
    public void JournalThatIsMadeUnderAnyUmask_CanBeReadByItsOwner()
    {
        using var source = new TestSource();
        uint before = Credentials.SetUmask(0b111_111_111);
        try
        {
            Begin(source, exchanges: false, firstStepIsDone: false, otherIsStored: false, () =>
            {
                using FileDescriptor journal = source.OpenFile(".zstdfs/names");
                Assert.That(SystemCallsAt.Stat(journal, out Statx stat), Is.Zero);
                Assert.That(stat.Mode & 0xFFF, Is.EqualTo(0b110_000_000));
            });
        }
        finally
        {
            _ = Credentials.SetUmask(before);
        }
    }

    [TestCase(0)]
    [TestCase(7)]
    [TestCase(60)]
    public void HalfAJournal_IsNotActedOn(int bytes)
    {
        using var source = new TestSource();
        Begin(source, exchanges: true, firstStepIsDone: false, otherIsStored: false, () =>
        {
            string journal = $"{source.Path}/.zstdfs/names";
            File.WriteAllBytes(journal, File.ReadAllBytes(journal)[..bytes]);
        });
        Assert.That(Recover(source), Is.EqualTo("d d/below d/below/b s s/a.zst"));
    }

    public void Information(string message) => _log.Add(message);

    public void Warning(string message) => _log.Add(message);

    public void Error(string message) => _log.Add(message);

    [SetUp]
    public void ClearLog() => _log.Clear();
}
