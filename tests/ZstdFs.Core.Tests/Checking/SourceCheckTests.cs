using System.Diagnostics;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Checking;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Tests.Compression;

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

    /// <summary>A mount that converts leaves both forms for a moment: the check looks a second time.</summary>
    [Test]
    public void BothFormsInAFolderOfAServedSource_AreLookedAtTwice()
    {
        _source.Write("sub/x", Samples.Text(100));
        _source.Write("sub/x.zst", Samples.Frame(Samples.Text(100)));
        _source.WithState((_, _) =>
        {
            long begun = Stopwatch.GetTimestamp();
            new SourceCheck(new CheckOptions(), _source).Run(_source.Open(), "sub"u8.ToArray(), default);
            Assert.That(Stopwatch.GetElapsedTime(begun), Is.GreaterThanOrEqualTo(TimeSpan.FromMilliseconds(90)));
        });
        Assert.That(_source.Faults.Select(f => f.Kind), Does.Contain(FaultKind.BothForms));
    }
}
