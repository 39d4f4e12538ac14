using System.Globalization;
using System.Text.RegularExpressions;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>What a commit does with the frames that no write touched.</summary>
[TestFixture]
internal sealed partial class SharedFramesTests
{
    private const int Bytes = 40_000_000, FrameBytes = 512 * 1024;

    /// <summary>
    /// Where files share extents, a change in the middle of a file costs the frame that it is in. It gets shorter here,
    /// so that what is behind it moves.
    /// </summary>
    [TestCase("btrfs")]
    [TestCase("xfs")]
    public void ChangeInTheMiddle_SharesTheFramesBeforeAndBehindIt(string type)
    {
        TestMachine.RequireRoot("a file system image");
        using LoopImage image = LoopImage.Create(type, 400);
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        string path = Path.Combine(folder.Mount, "f"), stored = Path.Combine(folder.Source, "f.zst");
        byte[] content = new byte[Bytes];
        new Random(1).NextBytes(content);
        File.WriteAllBytes(path, content);
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        // Keeps the old extents: what the new version shares with it is marked.
        Shell.Get($"cp --reflink=always '{stored}' '{image.Root}/before'; sync -f '{image.Root}'");
        for (int change = 0; change < 2; change++)
        {
            int at = Bytes / 2 + change * 3 * FrameBytes;
            content.AsSpan(at, 5000).Clear();
            using (var file = new NativeFile(path, NativeFile.ForWriting))
            {
                file.Write(content.AsSpan(at, 5000), at);
                file.Close();
            }
            Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
            Shell.Get($"sync -f '{image.Root}'");
            // xfs reserves more behind the end of a file that is open.
            long all = (new FileInfo(stored).Length + 4095) / 4096, shared = SharedBlocks(stored);
            TestContext.Out.WriteLine($"{type}: {shared} of {all} blocks of 4096 are shared");
            Assert.That((all - shared) * 4096, Is.LessThan((change + 1) * 2 * FrameBytes));
        }
        Assert.That(File.ReadAllBytes(path).AsSpan().SequenceEqual(content), Is.True);
        Assert.That(Shell.Get($"zstd -dc '{stored}' | cmp - '{path}' && echo equal").Trim(), Is.EqualTo("equal"),
            "stock zstd passes over the padding");
        Assert.That(folder.Program("check", "--data", folder.Source).ExitCode, Is.Zero);
        folder.Remount();
        Assert.That(File.ReadAllBytes(path).AsSpan().SequenceEqual(content), Is.True);
    }

    [Test]
    public void SkippableFramesBetweenFramesOfAnotherProgram_MoveNothingWhenItIsRewritten()
    {
        using MountedFolder folder = MountedFolder.Create(prepare: static source => Shell.Get(
            $"cd '{source}'; head -c {6 * FrameBytes} /dev/urandom > all; split -b {FrameBytes} all part-; "
            + "for p in part-*; do zstd -q -c $p; printf '\\123\\052\\115\\030\\004\\000\\000\\000abcd'; "
            + "done > f.zst; rm part-*; mv all ../all"));
        string path = Path.Combine(folder.Mount, "f"), all = Path.Combine(folder.Source, "../all");
        Shell.Get(
            $"for f in '{path}' '{all}'; do printf changed | dd of=\"$f\" bs=1 seek=100 conv=notrunc status=none; "
            + "done");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        Assert.That(
            Shell.Get($"cmp '{path}' '{all}' && zstd -dc '{folder.Source}/f.zst' | cmp - '{all}' && echo equal").Trim(),
            Is.EqualTo("equal"));
        folder.Remount();
        Assert.That(Shell.Get($"cmp '{path}' '{all}' && echo equal").Trim(), Is.EqualTo("equal"));
    }

    private static long SharedBlocks(string path) => Extent().Matches(Shell.Get($"filefrag -v -b4096 '{path}'"))
        .Where(static extent => extent.Groups[2].Value.Contains("shared", StringComparison.Ordinal))
        .Sum(static extent => long.Parse(extent.Groups[1].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^\s*\d+:\s+\d+\.\.\s*\d+:\s+\d+\.\.\s*\d+:\s+(\d+):(.*)$", RegexOptions.Multiline)]
    private static partial Regex Extent();
}
