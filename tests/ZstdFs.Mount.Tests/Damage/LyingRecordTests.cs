using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>
/// Records that are well made, checksum and all, and say what is not so; and stored files swapped for others that the
/// record cannot tell from them. What is read is what stock zstd reads, or EIO. The table is in docs/damage.md.
/// </summary>
[CancelAfter(180_000)]
internal sealed class LyingRecordTests
{
    private const int ContentBytes = 1_300_000, ChecksumAt = 4, FlagsAt = 3;

    // Where a field is, and how many bytes it has. The layout is in HOW_IT_WORKS.md.
    private static readonly (int At, int Bytes)
        Size = (8, 6), StoredSize = (14, 6), Epoch = (20, 4), Number = (24, 7), StoredInode = (36, 6),
            StoredTime = (42, 6),
        Birth = (48, 8);

    private const string Right = "reads as with stock zstd",
        Refused = "EIO, and at the next open reads as with stock zstd";

    private static readonly (string Name, Action<byte[]> Lie)[] Lies =
    [
        ("a logical size that is too large", static r => Add(r, Size, 500_000)),
        ("a logical size that is too small", static r => Add(r, Size, -500_000)),
        ("a logical size of 2^48 - 1", static r => Set(r, Size, -1)),
        ("the flag for a file without content yet", static r => r[FlagsAt] |= 1),
        ("the flag for a file of one frame, of one that has three", static r => r[FlagsAt] |= 2),
        ("the flag for holes, of a file that has none", static r => r[FlagsAt] |= 4),
        ("another inode number of ours", static r => Add(r, Number, 1_000_000)),
        ("the inode number of another file", static r => Set(r, Number, s_other)),
        ("an inode number that is none of ours", static r => Set(r, Number, 1)),
        ("another stored inode", static r => Add(r, StoredInode, 1)),
        ("another stored size", static r => Add(r, StoredSize, 1)),
        ("another modification time", static r => Add(r, StoredTime, 1)),
        ("a birth in the year 3000", static r => Set(r, Birth, 32_503_680_000L << 30)),
        ("an epoch to come", static r => Set(r, Epoch, 4_000_000_000)),
    ];

    private static long s_other;

    [Test]
    public void LyingRecords_AreNeverBelievedAgainstTheFrames()
    {
        using MountedFolder folder = MountedFolder.Create();
        string content = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "content");
        Shell.Get(
            $"seq 400000 | head -c {ContentBytes} > '{content}'; for i in $(seq 0 {Lies.Length + 1}); "
            + $"do cp '{content}' '{folder.Mount}/f'$i; done; seq 7 > '{folder.Mount}/other'");
        folder.Unmount();
        s_other = Get(Record($"{folder.Source}/other.zst"), Number);
        for (int i = 0; i < Lies.Length; i++)
        {
            byte[] record = Record($"{folder.Source}/f{i}.zst");
            Lies[i].Lie(record);
            WriteRecord($"{folder.Source}/f{i}.zst", record);
        }
        // Of the same length, time and inode number: the record goes on describing it.
        const string Swap = "import os, struct, sys; n = os.path.getsize(sys.argv[2]); s = os.stat(sys.argv[2]); "
            + "b = open(sys.argv[1], 'rb').read(); "
            + "b += struct.pack('<II', 0x184D2A50, n - len(b) - 8) + bytes(n - len(b) - 8); "
            + "open(sys.argv[2], 'r+b').write(b); os.utime(sys.argv[2], ns=(s.st_atime_ns, s.st_mtime_ns))";
        Shell.Get(
            $"cd '{folder.Source}' && head -c 700000 '{content}' | tac | zstd -qc --no-progress > ../shorter.zst && "
            + $"python3 -c \"{Swap}\" ../shorter.zst f{Lies.Length}.zst");
        Shell.Get(
            $"cd '{folder.Source}' && head -c 3000000 /dev/zero > ../zeros && zstd -qc ../zeros > ../longer.zst && "
            + $"python3 -c \"{Swap}\" ../longer.zst f{Lies.Length + 1}.zst");
        folder.Start();
        var outcomes = new List<(string, string)>();
        for (int i = 0; i < Lies.Length + 2; i++)
        {
            string name = i < Lies.Length ? Lies[i].Name : i == Lies.Length
                ? "a shorter file's content, padded to the same stored length, time as before"
                : "a longer file's content, padded to the same stored length, time as before";
            outcomes.Add((name, Outcome(folder, i)));
        }
        Assert.That(File.ReadAllText(Path.Combine(folder.Mount, "other")), Is.EqualTo("1\n2\n3\n4\n5\n6\n7\n"));
        folder.Unmount();
        DamageTable.Check("Records that lie", outcomes);
    }

    private static string Outcome(MountedFolder folder, int i)
    {
        // Through the page cache, which goes by the size that stat shows, and in the middle of the file.
        string stock = $"zstd -qdc '{folder.Source}/f{i}.zst'", path = $"{folder.Mount}/f{i}";
        ShellResult whole = Shell.Run(
            $"cat '{path}' > '{folder.Mount}/../read'; status=$?; cmp '{folder.Mount}/../read' <({stock}); "
            + "exit $status");
        if (whole.ExitCode == 0 && whole.Output.Length + whole.Error.Length == 0)
            return Right;
        if (whole.ExitCode == 0 || whole.Output.Contains("differ:", StringComparison.Ordinal)
            || !whole.Error.Contains("Input/output error", StringComparison.Ordinal))
            return $"wrong: {whole}";
        Assert.That(folder.Log, Does.Contain($"f{i}"));
        // The kernel asks for the length again within a second.
        Shell.Get($"sleep 1.1; cmp '{path}' <({stock})");
        return Refused;
    }

    private static byte[] Record(string stored) =>
        Convert.FromHexString(
            Shell.Get($"getfattr --absolute-names --only-values -n user.zstdfs '{stored}' | xxd -p -c 200"));

    private static void WriteRecord(string stored, byte[] record)
    {
        record.AsSpan(ChecksumAt, sizeof(uint)).Clear();
        uint sum = uint.MaxValue;
        foreach (byte one in record)
            sum = BitOperations.Crc32C(sum, one);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(ChecksumAt), ~sum);
        Shell.Get(string.Create(CultureInfo.InvariantCulture,
            $"setfattr -n user.zstdfs -v 0x{Convert.ToHexString(record)} '{stored}'"));
    }

    private static long Get(byte[] record, (int At, int Bytes) field)
    {
        Span<byte> value = stackalloc byte[sizeof(long)];
        value.Clear();
        record.AsSpan(field.At, field.Bytes).CopyTo(value);
        return BinaryPrimitives.ReadInt64LittleEndian(value);
    }

    private static void Set(byte[] record, (int At, int Bytes) field, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        bytes[..field.Bytes].CopyTo(record.AsSpan(field.At));
    }

    private static void Add(byte[] record, (int At, int Bytes) field, long difference) =>
        Set(record, field, Get(record, field) + difference);
}
