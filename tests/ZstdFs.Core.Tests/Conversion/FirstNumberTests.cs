using System.Diagnostics;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.Tests.Compression;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Conversion;

/// <summary>Where a source's inode numbers begin: what tells its records from those of another source.</summary>
[TestFixture]
internal sealed class FirstNumberTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    private StateRecord State => StateRecord.Read(File.ReadAllBytes($"{_source.Path}/.zstdfs/state"));

    [Test]
    public void SourceThatConvertMakes_KnowsItsFirstNumber_AndKeepsIt()
    {
        _source.Write("x", Samples.Text(500));
        _source.Convert();
        ulong first = State.FirstNumber;
        Assert.That(InodeNumber.IsAllocated(first), Is.True);
        Assert.That(State.ReservedUpTo - first, Is.EqualTo(StateRecord.BlockOfNumbers), "the first block");
        _source.WithState(static (_, state) => state.NoteEndedWell());
        Assert.That(State.FirstNumber, Is.EqualTo(first));
    }

    [Test]
    public void SourceThatSomethingElseMakes_TakesEveryRecordForItsOwn()
    {
        _source.WithState(static (_, state) => Assert.That(state.Given, Is.EqualTo(GivenNumbers.Any)));
        Assert.That(State.FirstNumber, Is.Zero);
    }

    [TestCase(0UL)]
    [TestCase(InodeNumber.FirstAllocated)]
    [TestCase(InodeNumber.FirstAllocated + (ulong)(StateRecord.FirstNumbers - 1) * StateRecord.BlockOfNumbers)]
    public void FirstNumber_IsReadAsItWasWritten(ulong first)
    {
        byte[] bytes = new byte[StateRecord.Bytes];
        new StateRecord { FirstNumber = first, ReservedUpTo = first }.Write(bytes);
        Assert.That(StateRecord.Read(bytes).FirstNumber, Is.EqualTo(first));
    }

    /// <summary>The kill came when the folder .zstdfs was made, and nothing in it.</summary>
    [Test]
    public void KilledWhileItMadeTheSource_TheNextRunStillTellsWhatItFound()
    {
        using var other = new TestSource();
        other.Write("x", Samples.Text(500));
        other.Convert();
        Run($"cp -a '{other.Path}/x.zst' '{_source.Path}' && cd '{_source.Path}' && mkdir .zstdfs && "
            + $"setfattr -n user.zstdfs.times -v 0x{new string('0', 64)} .");
        _source.Write("y", Samples.Text(500));
        Assert.That(_source.Convert().Files, Is.EqualTo(1));
        Assert.That(_source.Convert(new ConversionOptions { Kind = ConversionKind.Revert }).Kept, Is.EqualTo(1));
        Assert.That(Directory.GetFileSystemEntries(_source.Path).Select(Path.GetFileName),
            Is.EquivalentTo(["x.zst", "y"]));
    }

    private static void Run(string script)
    {
        using Process process = Process.Start("bash", ["-c", script]);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, script);
    }
}
