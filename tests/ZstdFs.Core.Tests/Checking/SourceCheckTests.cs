using ZstdFs.Core.Checking;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Core.Tests.Compression;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Checking;

/// <summary>Faults that a check must name, and one that it must not.</summary>
[TestFixture]
internal sealed class SourceCheckTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    [Test]
    public void LastFrameIsDamagedAndGarbageFollows_BothAreTold()
    {
        byte[] first = Samples.Frame(Samples.Text(3000)), last = Samples.Frame(Samples.Text(3000, 2));
        last[^1] ^= 1; // its checksum
        _source.Write("x.zst", [.. first, .. last, .. "garbage"u8]);
        _source.Check(new CheckOptions { Data = true });
        Assert.That(_source.Faults.Select(f => f.Kind), Is.EquivalentTo(new[] { FaultKind.Structure, FaultKind.Data }));
        Assert.That(_source.Faults.Single(f => f.Kind == FaultKind.Data).Detail, Does.StartWith("bytes 3000 to 5999"));
    }

    [Test]
    public void LastFrameIsCutShort_IsToldOnce()
    {
        byte[] first = Samples.Frame(Samples.Text(3000)), last = Samples.Frame(Samples.Text(3000, 2));
        first[^1] ^= 1;
        _source.Write("x.zst", [.. first, .. last[..^9]]);
        _source.Check(new CheckOptions { Data = true });
        Assert.That(_source.Faults.Select(f => f.Kind), Is.EquivalentTo(new[] { FaultKind.Structure, FaultKind.Data }));
        Assert.That(_source.Faults.Single(f => f.Kind == FaultKind.Data).Detail, Does.StartWith("bytes 0 to 2999"));
    }

    [Test]
    public void RejectedTable_IsTold([Values("alone", "behind the mark", "behind padding", "behind both")] string where)
    {
        byte[] first = Samples.Frame(Samples.Text(3000)), last = Samples.Frame(Samples.Text(1000));
        byte[][] between = where switch
        {
            "alone" => [],
            "behind the mark" => [Samples.Skippable(16, 0xB)],
            "behind padding" => [Samples.Skippable(7)],
            _ => [Samples.Skippable(7), Samples.Skippable(16, 0xB)],
        };
        SeekTableEntry[] entries =
        [
            new((uint)first.Length, 3000), new((uint)last.Length, 999),
            .. between.Select(b => new SeekTableEntry((uint)b.Length, 0))
        ];
        _source.Write("x.zst", [.. first, .. last, .. between.SelectMany(b => b), .. Samples.Table(entries)]);
        _source.Check();
        Assert.That(_source.Faults.Select(f => f.Kind), Is.EqualTo(new[] { FaultKind.SeekTable }));
    }

    [Test]
    public void BothFormsInAFolderOfAServedSource_AreTold()
    {
        _source.Write("sub/x", Samples.Text(100));
        _source.Write("sub/x.zst", Samples.Frame(Samples.Text(100)));
        _source.WithState((_, _) => CheckFolder());
        Assert.That(_source.Faults.Select(f => f.Kind), Does.Contain(FaultKind.BothForms));
    }

    /// <summary>
    /// A mount that converts leaves both forms, with one inode number, until the disk has taken the new name.
    /// </summary>
    [Test]
    public void FileThatAMountIsConverting_IsWaitedFor()
    {
        _source.Write("sub/x", Samples.Text(100));
        _source.Write("sub/x.zst", Samples.Frame(Samples.Text(100)));
        _source.WithState((_, state) =>
        {
            ulong number = state.AllocateInodeNumber();
            foreach (string name in (string[])["sub/x", "sub/x.zst"])
            {
                using FileDescriptor file = _source.OpenFile(name);
                Assert.That(SystemCallsAt.Stat(file, out Statx stat), Is.Zero);
                Assert.That(SourceTree.WriteRecord(file, SizeRecord.For(stat, number, 100)), Is.Zero);
            }
            Task checking = Task.Run(CheckFolder);
            Assert.That(checking.Wait(500), Is.False);
            File.Delete($"{_source.Path}/sub/x");
            Assert.That(checking.Wait(TimeSpan.FromMinutes(1)), Is.True);
        });
        Assert.That(_source.Faults, Is.Empty);
    }

    private void CheckFolder() =>
        new SourceCheck(new CheckOptions(), _source).Run(_source.Open(), "sub"u8.ToArray(), default);
}
