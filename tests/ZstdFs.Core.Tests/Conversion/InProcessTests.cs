using ZstdFs.Core.Checking;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.Tests.Compression;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Conversion;

/// <summary>Conversions and checks where the outside view does not reach: records, numbers, cancellation.</summary>
[TestFixture]
internal sealed class InProcessTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    [Test]
    public void Record_SaysSizeNumberAndBirth()
    {
        _source.Write("x", Samples.Text(700_000));
        DateTime birth = Birth("x");
        Assert.That(_source.Convert().Files, Is.EqualTo(1));
        using FileDescriptor file = _source.OpenFile("x.zst");
        Assert.That(SystemCallsAt.Stat(file, out Statx stat), Is.Zero);
        Assert.That(SourceTree.TryReadRecord(file, out SizeRecord record), Is.True);
        Assert.Multiple(() =>
        {
            Assert.That(record.IsOf(stat) && record.Describes(stat), Is.True);
            Assert.That(record.LogicalBytes, Is.EqualTo(700_000));
            Assert.That(InodeNumber.IsAllocated(record.InodeNumber), Is.True);
            Assert.That(record.Epoch, Is.Zero, "the content is on disk");
            Assert.That(DateTime.UnixEpoch.AddSeconds(record.Birth.Seconds),
                Is.EqualTo(birth).Within(TimeSpan.FromSeconds(1)));
        });
    }

    [Test]
    public void StoredFile_IsWhatTheMountWrites([Values(0, 1, 65536, 65537, 1_000_000, 5_000_000)] int bytes)
    {
        byte[] content = Samples.Text(bytes);
        _source.Write("x", content);
        _source.Convert(new ConversionOptions { FrameBytes = 65536, Jobs = 3 });
        Assert.That(File.ReadAllBytes($"{_source.Path}/x.zst"), Is.EqualTo(Samples.Stored(content, 65536)));
    }

    [Test]
    public void Cancelled_LeavesEveryFileWholeAndNothingBehind()
    {
        for (int i = 0; i < 300; i++)
            _source.Write($"f{i}", Samples.Text(1000 + i));
        using var ended = new CancellationTokenSource();
        ended.Cancel();
        Assert.That(_source.Convert(cancellation: ended.Token).Files, Is.Zero);
        Assert.That(Directory.GetFiles(_source.Path), Has.Length.EqualTo(300).And.None.EndsWith(".zst"));
        Assert.That(Directory.GetFiles($"{_source.Path}/.zstdfs/working"), Is.Empty);
        Assert.That(_source.Convert().Files, Is.EqualTo(300));
    }

    [Test]
    public void UnfinishedWrites_AreNotRevertedOver()
    {
        _source.Write("x", [1]);
        _source.Convert();
        _source.Write(".zstdfs/working/0010000000000001-1-1", [2]);
        SourceException? refused = Assert.Throws<SourceException>(() =>
            _source.Convert(new ConversionOptions { Kind = ConversionKind.Revert }));
        Assert.That(refused!.Problem, Is.EqualTo(SourceProblem.UnfinishedWrites));
    }

    [Test]
    public void NumberGivenTwice_IsFoundAndMended()
    {
        _source.Write("a", [1]);
        _source.Write("b", [2]);
        _source.Convert();
        ulong number = Record("a.zst").InodeNumber;
        using (FileDescriptor file = _source.OpenFile("b.zst"))
            Assert.That(SourceTree.WriteRecord(file, Record("b.zst") with { InodeNumber = number }), Is.Zero);
        _source.Check();
        Assert.That(_source.Faults.Single(),
            Is.EqualTo(new Fault(_source.Faults[0].Path, FaultKind.DuplicateNumber, _source.Faults[0].Detail, false)));
        _source.Check(new CheckOptions { Repair = true });
        Assert.That(_source.Faults.Single().IsMended, Is.True);
        _source.Check();
        Assert.That(_source.Faults, Is.Empty);
        Assert.That(Record("b.zst").InodeNumber, Is.Not.EqualTo(Record("a.zst").InodeNumber));
    }

    [Test]
    public void AllocatorBehindItsNumbers_IsFoundAndMended()
    {
        _source.Write("a", [1]);
        _source.Convert();
        using (FileDescriptor file = _source.OpenFile("a.zst"))
            Assert.That(
                SourceTree.WriteRecord(file,
                    Record("a.zst") with { InodeNumber = Record("a.zst").InodeNumber + (1 << 20) }),
                Is.Zero);
        _source.Check();
        Assert.That(_source.Faults.Select(f => f.Kind), Is.EqualTo(new[] { FaultKind.NumbersBehind }));
        _source.Check(new CheckOptions { Repair = true });
        _source.Check();
        Assert.That(_source.Faults, Is.Empty);
        ulong next = 0;
        _source.WithState((_, state) => next = state.AllocateInodeNumber());
        Assert.That(next, Is.GreaterThan(Record("a.zst").InodeNumber));
    }

    [TestCase("inodes/CURRENT")]
    [TestCase("rules")]
    public void WhatAMountMayHaveInTheStateFolder_IsNoFault(string name)
    {
        _source.Write("a", [1]);
        _source.Convert();
        _source.Write($".zstdfs/{name}", [1]);
        _source.Check();
        Assert.That(_source.Faults, Is.Empty);
    }

    /// <summary>
    /// Before the first mount after a power cut, check is not to take away what tells that mount which files to prove.
    /// </summary>
    [TestCase(3, 0, 0, false, false, TestName = "RecordOfTheMountThatThePowerCutEnded_IsLeftToTheNextMount")]
    [TestCase(3, 2, 4, true, false, TestName = "RecordOfASuspectMount_IsLeftToTheNextMount")]
    [TestCase(3, 0, 0, true, true, TestName = "RecordOfAMountThatEndedWell_IsMendedAndKeepsItsEpoch")]
    public void RecordOfEpoch(int epoch, int from, int to, bool endedWell, bool isMended)
    {
        _source.Write("a", Samples.Text(5000));
        _source.Convert();
        SizeRecord old = Record("a.zst") with { Epoch = (uint)epoch, LogicalBytes = 4000 };
        using (FileDescriptor file = _source.OpenFile("a.zst"))
            Assert.That(SourceTree.WriteRecord(file, old), Is.Zero);
        ChangeState(state => state with
        {
            Epoch = (uint)epoch,
            SuspectFrom = (uint)from,
            SuspectTo = (uint)to,
            EndedWell = endedWell,
            Boot = Guid.NewGuid(),
        });
        _source.Check(new CheckOptions { Repair = true });
        Fault fault = _source.Faults.Single();
        Assert.That((fault.Kind, fault.IsMended), Is.EqualTo((FaultKind.RecordWrong, isMended)));
        if (!isMended)
            Assert.That(fault.Detail, Does.Contain("next mount"));
        Assert.That(Record("a.zst").Epoch, Is.EqualTo(epoch));
        Assert.That(Record("a.zst").LogicalBytes, Is.EqualTo(isMended ? 5000 : 4000));
    }

    private void ChangeState(Func<StateRecord, StateRecord> change)
    {
        byte[] bytes = File.ReadAllBytes($"{_source.Path}/.zstdfs/state");
        change(StateRecord.Read(bytes)).Write(bytes);
        File.WriteAllBytes($"{_source.Path}/.zstdfs/state", bytes);
    }

    [TestCase("a", "b", false)]
    [TestCase("b", "a", true)]
    [TestCase("a", "a", false)]
    [TestCase("d/a", "z", true, Description = "a folder's files come before its subfolders")]
    [TestCase("z", "d/a", false)]
    [TestCase("d/b", "d/a", true)]
    [TestCase("d/e/a", "d/b", true)]
    [TestCase("c/x", "d/a", false)]
    public void Mark_OrdersAsTheWalkDoes(string path, string mark, bool after) =>
        Assert.That(
            CheckMark.IsAfter(System.Text.Encoding.UTF8.GetBytes(path), System.Text.Encoding.UTF8.GetBytes(mark)),
            Is.EqualTo(after));

    private SizeRecord Record(string name)
    {
        using FileDescriptor file = _source.OpenFile(name);
        Assert.That(SourceTree.TryReadRecord(file, out SizeRecord record), Is.True);
        return record;
    }

    private DateTime Birth(string name)
    {
        using FileDescriptor file = _source.OpenFile(name);
        Assert.That(SystemCallsAt.Stat(file, out Statx stat), Is.Zero);
        return DateTime.UnixEpoch.AddSeconds(stat.Birth.Seconds);
    }
}
