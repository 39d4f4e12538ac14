using System.Globalization;
using System.Text;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>
/// Every class of bytes of a stored file damaged, with the record beside it left as it was: what is read is right or
/// EIO, the rest of the file still reads, the log names it, and the daemon goes on in bounded memory. The table of
/// outcomes is docs/damage.md, held against what happens. <c>ZSTDFS_UPDATE_DOCS=1</c> writes it.
/// </summary>
[CancelAfter(180_000)]
internal sealed class DamageMatrixTests
{
    private const int ContentBytes = 3_000_000, FrameBytes = 512 * 1024, PieceBytes = 64 * 1024,
        Frames = (ContentBytes + FrameBytes - 1) / FrameBytes, InputError = 5;
    private const long MostMemoryBytes = 128L * 1024 * 1024;

    private static readonly byte[] Content = MakeContent();

    private static byte[] MakeContent()
    {
        var text = new StringBuilder();
        var chance = new Random(7);
        for (int i = 0; text.Length < ContentBytes; i++)
            text.Append(CultureInfo.InvariantCulture, $"{i} {chance.Next()} a line of a log\n");
        return Encoding.ASCII.GetBytes(text.ToString(0, ContentBytes));
    }

    [Test]
    public void EveryDamage_IsReadRightOrRefused_AsTheTableSays()
    {
        using MountedFolder folder = MountedFolder.Create();
        for (int i = 0; i < DamageRow.All.Length; i++)
            File.WriteAllBytes(Path.Combine(folder.Mount, Name(i)), Content);
        File.WriteAllBytes(Path.Combine(folder.Mount, "neighbour"), Content);
        folder.Unmount();
        for (int i = 0; i < DamageRow.All.Length; i++)
        {
            string stored = Path.Combine(folder.Source, Name(i) + ".zst");
            DateTime modified = File.GetLastWriteTimeUtc(stored);
            // In place, at the same time: inode number and time are those that the record knows.
            byte[] damaged = DamageRow.All[i].Change(File.ReadAllBytes(stored));
            using (FileStream file = File.OpenWrite(stored))
            {
                file.Write(damaged);
                file.SetLength(damaged.Length);
            }
            File.SetLastWriteTimeUtc(stored, modified);
        }
        folder.Start();
        var outcomes = new List<(string, string)>();
        for (int i = 0; i < DamageRow.All.Length; i++)
            outcomes.Add((DamageRow.All[i].Name, Outcome(folder, i)));
        Assert.That(File.ReadAllBytes(Path.Combine(folder.Mount, "neighbour")), Is.EqualTo(Content));
        AssertMemory(folder);
        string log = folder.Log;
        folder.Unmount();
        DamageTable.Check("Stored files", outcomes);
        for (int i = 0; i < outcomes.Count; i++)
            Assert.That(
                log.Contains(Name(i) + ":", StringComparison.Ordinal)
                    || log.Contains($"'{Name(i)}'", StringComparison.Ordinal),
                Is.EqualTo(outcomes[i].Item2.Contains("EIO", StringComparison.Ordinal)),
                $"{outcomes[i]}: named in the log\n{log}");
    }

    private static string Name(int row) => $"f{row:00}";

    /// <summary>
    /// Reads at every place, and in order, and says what came of it. What stock zstd reads without a word must be read,
    /// and be the same.
    /// </summary>
    private static string Outcome(MountedFolder folder, int row)
    {
        string path = Path.Combine(folder.Mount, Name(row)), what = DamageRow.All[row].Name,
            stock = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "stock");
        bool isGood = Shell.Run($"zstd -qdc '{folder.Source}/{Name(row)}.zst' > '{stock}'").ExitCode == 0;
        byte[] expected = isGood ? File.ReadAllBytes(stock) : Content;
        SortedSet<int> refused = [], missing = [];
        for (int at = 0; at < expected.Length; at += PieceBytes)
        {
            int count = Math.Min(PieceBytes, expected.Length - at);
            byte[]? piece = ReadAt(path, at, count);
            if (piece is null)
                refused.Add(at / FrameBytes + 1);
            else if (piece.Length == 0)
                missing.Add(at / FrameBytes + 1);
            else
                Assert.That(piece.AsSpan().SequenceEqual(expected.AsSpan(at, count)), Is.True,
                    () => $"{what}: at {at} {(piece.Length < count ? $"only {piece.Length} bytes" : "wrong bytes")}\n"
                        + $"{folder.Log}");
        }
        // A program that reads to the end must not take a part for the whole.
        byte[]? whole = ReadAt(path, 0, int.MaxValue);
        Assert.That(whole is null || whole.AsSpan().SequenceEqual(expected), Is.True,
            $"{what}: read to its end it has {whole?.Length} bytes");
        // What lies behind the end that a damaged file shows is as lost as what is refused.
        refused.UnionWith(missing);
        if (whole is not null)
        {
            Assert.That(refused, Is.Empty, what);
            return expected.Length == Content.Length ? DamageTable.Whole
                : $"reads, as with stock zstd, the {expected.Length / FrameBytes} frames that are left";
        }
        return refused.Count switch
        {
            0 => "reads, and then EIO instead of its end",
            Frames => "EIO",
            _ when refused.Max == Frames && refused.Min < Frames => $"EIO from frame {refused.Min} of {Frames} on",
            _ => $"EIO in frame {string.Join(" and ", refused)} of {Frames}, the rest reads",
        };
    }

    /// <summary>What pread(2) gives; null where it, or open(2), answers EIO.</summary>
    private static byte[]? ReadAt(string path, int offset, int count)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 0);
            var bytes = new MemoryStream();
            byte[] buffer = new byte[PieceBytes];
            while (bytes.Length < count)
            {
                int got = RandomAccess.Read(file.SafeFileHandle,
                    buffer.AsSpan(0, (int)Math.Min(buffer.Length, count - bytes.Length)), offset + bytes.Length);
                if (got == 0)
                    break;
                bytes.Write(buffer, 0, got);
            }
            return bytes.ToArray();
        }
        catch (IOException e) when ((e.HResult & 0xFFFF) == InputError
            || e.Message.Contains("Input/output error", StringComparison.Ordinal))
        {
            return null;
        }
    }

    /// <summary>Tiny files that claim, or decode to, far more than there is memory for.</summary>
    [Test]
    public void Bombs_AreReadOrRefused_InBoundedMemory()
    {
        (string Name, string Recipe, string Expected)[] bombs =
        [
            ("declares 2^62 bytes and holds 10",
                "b'\\x28\\xb5\\x2f\\xfd' + bytes([0xE0]) + struct.pack('<Q', 1 << 62) + (10 << 3 | "
                + "1).to_bytes(3, 'little') + b'0123456789'",
                "EIO"),
            ("declares 1 TiB in a seek table, and holds nothing",
                "b'\\x28\\xb5\\x2f\\xfd' + bytes([0x20, 0]) + (1).to_bytes(3, 'little') + struct.pack('<IIIIIBI', "
                + "0x184D2A5E, 17, 9, 0xFFFFFFFF, 1, 0, 0x8F92EAB1)",
                DamageTable.Whole),
            ("window of 2 GiB",
                "b'\\x28\\xb5\\x2f\\xfd' + bytes([0x00, 21 << 3]) + (10 << 3 | "
                + "1).to_bytes(3, 'little') + b'0123456789'",
                DamageTable.Whole),
            ("300 MiB of zeros in 10 KB, content size unknown",
                "b'\\x28\\xb5\\x2f\\xfd' + bytes([0x00, 13 << 3]) + ((131072 << 3 | "
                + "2).to_bytes(3, 'little') + b'\\0') * 2399 + (131072 << 3 | 3).to_bytes(3, 'little') + b'\\0'",
                DamageTable.Whole),
            ("100,000 empty frames",
                "(b'\\x28\\xb5\\x2f\\xfd' + bytes([0x20, 0]) + (1).to_bytes(3, 'little')) * 100000", DamageTable.Whole),
            ("1,000,000 empty blocks in a frame",
                "b'\\x28\\xb5\\x2f\\xfd' + bytes([0x00, 0]) + b'\\0\\0\\0' * 1000000 + b'\\1\\0\\0'",
                DamageTable.Whole),
        ];
        using MountedFolder folder = MountedFolder.Prepared();
        for (int i = 0; i < bombs.Length; i++)
            Shell.Get(
                "python3 -c \"import struct, sys; "
                + $"sys.stdout.buffer.write({bombs[i].Recipe.Replace("\\", "\\\\", StringComparison.Ordinal)})\" > "
                + $"'{folder.Source}/bomb{i}.zst'");
        folder.Start();
        var outcomes = new List<(string, string)>();
        for (int i = 0; i < bombs.Length; i++)
        {
            ShellResult read = Shell.Run($"cat '{folder.Mount}/bomb{i}' | sha256sum; exit ${{PIPESTATUS[0]}}",
                TimeSpan.FromSeconds(60));
            string found = read.ExitCode == 0 ? DamageTable.Whole
                : read.Error.Contains("Input/output error", StringComparison.Ordinal) ? "EIO" : read.ToString();
            if (found == DamageTable.Whole)
                Assert.That(read.Output.TrimEnd(),
                    Is.EqualTo(Shell.Get($"zstd -dc --long=31 '{folder.Source}/bomb{i}.zst' | sha256sum")),
                    bombs[i].Name);
            else
                Assert.That(folder.Log, Does.Contain($"bomb{i}"), bombs[i].Name);
            outcomes.Add((bombs[i].Name, found));
            Assert.That(found, Is.EqualTo(bombs[i].Expected), $"{bombs[i].Name}\n{folder.Log}");
        }
        AssertMemory(folder);
        folder.Unmount();
        DamageTable.Check("Bombs", outcomes);
    }

    private static void AssertMemory(MountedFolder folder)
    {
        string line = File.ReadLines($"/proc/{folder.Daemon.ProcessId}/status")
            .First(static l => l.StartsWith("VmHWM", StringComparison.Ordinal));
        long peak =
            long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        TestContext.Out.WriteLine($"at most {peak >> 20} MiB");
        Assert.That(peak, Is.LessThan(MostMemoryBytes));
    }
}
