using System.Diagnostics;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>
/// SIGKILL at random moments: every file is there in a complete form each time, and the next run goes on to a complete,
/// correct tree.
/// </summary>
[TestFixture]
internal sealed class ConvertKillTests
{
    private static readonly int Moments =
        int.TryParse(Environment.GetEnvironmentVariable("ZSTDFS_TEST_KILLS"), out int kills) ? kills : 12;

    [Test]
    public void KilledAnytime_NothingIsLostAndTheRerunEndsWell([Values("", "--revert")] string direction)
    {
        using var folder = new ToolFolder();
        folder.MakeMixed();
        folder.InTree(
            $"mkdir many; {ToolFolder.Sequences(400, "many/f", "i", "i + 300")}; "
            + "touch -d @1600000000.5 many .; touch -a -d '2035-05-05 05:05:05.5' many/*");
        string plain = Path.Combine(folder.Path, "plain");
        string before = ToolFolder.Manifest(folder.Tree);
        Shell.Get($"cp -a '{folder.Tree}' '{plain}'");
        if (direction.Length > 0)
            ToolFolder.Require(0, $"convert '{folder.Tree}'");
        Shell.Get($"cp -a '{folder.Tree}' '{folder.Path}/start'");
        var random = new Random(7);
        long wholeMs = 900;
        int interrupted = 0;
        for (int i = 0; i < Moments; i++)
        {
            long start = Stopwatch.GetTimestamp();
            int killAfterMs = random.Next(60, (int)wholeMs);
            // Few descriptors make small batches, and those many moments of every kind.
            ShellResult run = ToolFolder.Program($"convert {direction} '{folder.Tree}'",
                before: $"ulimit -n {random.Next(460, 700)}; timeout -s KILL {killAfterMs / 1000.0:0.000}");
            if (run.ExitCode == 0)
                wholeMs = Math.Max(120, (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            else
                interrupted++;
            AssertEverythingIsThere(folder.Tree, plain, folder.Path);
            if (run.ExitCode != 0)
                continue;
            Shell.Get(
                $"chmod -R u+rwX '{folder.Tree}'; rm -rf '{folder.Tree}'; cp -a '{folder.Path}/start' '{folder.Tree}'");
        }
        Assert.That(interrupted, Is.GreaterThan(Moments / 4), "the moments were badly chosen");
        ToolFolder.Require(0, $"convert {direction} '{folder.Tree}'");
        if (direction.Length == 0)
            ToolFolder.Require(0, $"convert --revert '{folder.Tree}'");
        Assert.That(ToolFolder.Manifest(folder.Tree), Is.EqualTo(before));
        Assert.That(Directory.Exists(Path.Combine(folder.Tree, ".zstdfs")), Is.False);
    }

    // Every plain file of the reference is there as itself or as a .zst that stock zstd takes, with its content; so is
    // every file that the tree has.
    private static void AssertEverythingIsThere(string tree, string plain, string scratch) => Shell.Get(
        $$"""
        export LC_ALL=C; rm -rf '{{scratch}}/seen'; mkdir '{{scratch}}/seen'; cd '{{tree}}'
        find . -path ./.zstdfs -prune -o -type f -name '*.zst' -print0 |
            xargs -0 -r zstd -qdf --output-dir-mirror '{{scratch}}/seen'
        find . -path ./.zstdfs -prune -o -type f ! -name '*.zst' -print0 | while IFS= read -r -d '' f; do
            if [ -e '{{scratch}}/seen'/"$f" ]; then cmp "$f" '{{scratch}}/seen'/"$f" || exit 1
            else mkdir -p '{{scratch}}/seen'/"${f%/*}"; cp "$f" '{{scratch}}/seen'/"$f"; fi
        done
        cd '{{plain}}' &&
            diff <(find . -type f -print0 | sort -z | xargs -0 sha256sum) <(cd '{{scratch}}/seen' &&
                find . -type f -print0 | sort -z | xargs -0 sha256sum)
        """, TimeSpan.FromMinutes(2));
}
