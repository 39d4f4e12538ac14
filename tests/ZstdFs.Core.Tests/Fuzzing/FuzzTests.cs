using System.Buffers.Binary;
using System.Diagnostics;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.Tests.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Fuzzing;

/// <summary>
/// What comes from the disk is hostile until checked: mutations of good inputs end in an answer or in the one exception
/// that says damage, within bounded memory and time. What was ever found is kept in testdata/fuzz and tried first.
/// </summary>
internal sealed class FuzzTests
{
    // Of this test: others may have run before in the same process.
    private const long MostGrowthBytes = 512L << 20;

    private const int LeastInputs = 100;

    private static readonly TimeSpan LongestInput = TimeSpan.FromMinutes(1);

    // A busy machine may need more than the budget for the least inputs.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);
    private static readonly byte[] Text = Samples.Text(5000);

    private TestFolder _folder = null!;
    private FileDescriptor _file = null!;
    private long _workingSetBefore;

    [SetUp]
    public void SetUp() => _workingSetBefore = Environment.WorkingSet;

    private static byte[][] StoredFiles =>
    [
        Samples.Frame(Text),
        Samples.Frame([]),
        Samples.Frame(new byte[100_000]),
        Samples.Stored(Text, 1024),
        Samples.Stored(new byte[300_000], 4096),
        [.. Samples.Frame(Text.AsSpan(0, 300)), .. Samples.Skippable(9), .. Samples.Frame(Text.AsSpan(300))],
        .. Directory.GetFiles(TestData("frames"), "*.zst").Select(File.ReadAllBytes),
    ];

    private static byte[][] Records
    {
        get
        {
            var size = new byte[SizeRecord.Bytes];
            new SizeRecord { InodeNumber = (1UL << 52) + 5, LogicalBytes = 100, StoredBytes = 50 }.Write(size);
            var working = new byte[WorkingCopyRecord.Bytes];
            new WorkingCopyRecord { InodeNumber = (1UL << 52) + 5, BaseLimit = 10 }.Write(working);
            var state = new byte[StateRecord.Bytes];
            new StateRecord { SourceId = Guid.NewGuid(), ReservedUpTo = 1UL << 53, Epoch = 3 }.Write(state);
            byte[] name =
                new WorkingName(WorkingRole.Copy, (1UL << 52) + 5, 3, 9) { IsSynchronized = true }.Terminated()[..^1];
            return [size, working, state, name];
        }
    }

    [TestCase("stored", CodecChoice.Native)]
    [TestCase("stored", CodecChoice.Managed)]
    [TestCase("records", CodecChoice.Auto)]
    public void MutationsOfGoodInputs_AreReadOrRefused(string target, CodecChoice codec) =>
        Fuzz(target, codec, TimeSpan.FromSeconds(2), 1);

    [TestCase("stored", CodecChoice.Native)]
    [TestCase("stored", CodecChoice.Managed)]
    [TestCase("records", CodecChoice.Auto)]
    [Category("Long")]
    public void MutationsOfGoodInputs_ForTenMinutes_AreReadOrRefused(string target, CodecChoice codec) =>
        Fuzz(target, codec, TimeSpan.FromMinutes(10), Environment.TickCount);

    private void Fuzz(string target, CodecChoice codec, TimeSpan budget, int seed)
    {
        using var folder = new TestFolder(codec);
        _folder = folder;
        using FileDescriptor file = folder.Open(folder.Write([], "fuzzed"), OpenFlags.ReadWrite);
        _file = file;
        (byte[][] seeds, Action<byte[]> run) =
            target == "stored" ? (StoredFiles, (Action<byte[]>)ReadStored) : (Records, ReadRecords);
        string kept = TestData(Path.Combine("fuzz", target));
        byte[][] found = Directory.Exists(kept) ? [.. Directory.GetFiles(kept).Select(File.ReadAllBytes)] : [];
        foreach (byte[] input in found)
            Try(input, run, "kept");
        var mutator = new Mutator([.. seeds, .. found], seed);
        long start = Stopwatch.GetTimestamp();
        int count = 0;
        for (TimeSpan spent = TimeSpan.Zero; spent < budget || spent < Longest && count <= LeastInputs; count++)
        {
            Try(mutator.Next(), run, $"seed {seed}, input {count}");
            spent = Stopwatch.GetElapsedTime(start);
        }
        TestContext.Out.WriteLine($"{target}: {count} inputs in {budget.TotalSeconds} s, seed {seed}");
        Assert.That(count, Is.GreaterThan(LeastInputs));
    }

    private static string TestData(string name)
    {
        DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !Directory.Exists(Path.Combine(folder.FullName, "testdata")))
            folder = folder.Parent;
        return Path.Combine(folder!.FullName, "testdata", name);
    }

    private void Try(byte[] input, Action<byte[]> run, string what)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            run(input);
        }
        catch (Exception e)
        {
            string file = Path.Combine(Path.GetTempPath(),
                $"zstdfs-fuzz-{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(input))[..12]}");
            File.WriteAllBytes(file, input);
            Assert.Fail($"{what}: kept as {file}: put it into testdata/fuzz\n{e}");
        }
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(LongestInput), what);
        Assert.That(Environment.WorkingSet - _workingSetBefore, Is.LessThan(MostGrowthBytes), what);
    }

    private void ReadStored(byte[] input)
    {
        Assert.That(SystemCallsFile.Truncate(_file, 0) + SystemCallsFile.Write(_file, 0, input), Is.Zero);
        FrameMap map;
        try
        {
            _ = FrameScanner.QuickSize(_file, input.Length, _folder.Windows);
            map = FrameScanner.ScanIntact(_file, input.Length, _folder.Windows).Map;
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return;
        }
        using var reader = new StoredFileReader(_file, map, ++_cacheId, _folder.Cache, _folder.Codecs, _folder.Spill);
        Span<byte> buffer = new byte[64 * 1024];
        long[] places = [0, map.LogicalBytes / 2, Math.Max(0, map.LogicalBytes - 1), map.LogicalBytes, long.MaxValue];
        foreach (long place in places)
        {
            try
            {
                int count = reader.Read(place, buffer);
                Assert.That(count, Is.LessThanOrEqualTo(Math.Max(0, map.LogicalBytes - place)));
            }
            catch (Exception e) when (ContentFault.IsExpected(e))
            {
                // Damage that was seen.
            }
        }
        _folder.Cache.Invalidate(_cacheId);
    }

    private ulong _cacheId = 1 << 20;

    private static void ReadRecords(byte[] input)
    {
        ReadRecord(input);
        if (input.Length < 8 || input.Length % 4 != 0)
            return;
        // A checksum that is right lets the rest be looked at.
        BinaryPrimitives.WriteUInt32LittleEndian(input.AsSpan(4), Checksum.OfRecord(input));
        ReadRecord(input);
    }

    private static void ReadRecord(byte[] input)
    {
        if (SizeRecord.TryRead(input, out SizeRecord size))
            Assert.That(size.LogicalBytes, Is.GreaterThanOrEqualTo(0));
        if (WorkingCopyRecord.TryRead(input, out WorkingCopyRecord working))
            Assert.That(working.BaseLimit, Is.GreaterThanOrEqualTo(0));
        if (WorkingName.TryParse(input, out WorkingName name))
            Assert.That(name.Terminated()[..^1], Is.EqualTo(input));
        try
        {
            _ = StateRecord.Read(input);
        }
        catch (SourceException)
        {
            // It says so to whoever mounts.
        }
    }
}
