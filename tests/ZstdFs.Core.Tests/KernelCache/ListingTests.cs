using System.Diagnostics;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Fuse.Wire;

namespace ZstdFs.Core.Tests.KernelCache;

/// <summary>Listings that the kernel keeps.</summary>
[CancelAfter(120_000)]
internal sealed class ListingTests
{
    private const string ThreeFiles = "for f in a b c; do echo $f | zstd -q > $f.zst; done";

    [Test]
    public void KeptListing_ServesAsLongAsTheAttributesThatCameWithIt()
    {
        const int MostAttempts = 50;
        var timeout = TimeSpan.FromMilliseconds(300);
        using var mounted = new MountedSource(new FileSystemOptions { CacheTimeout = timeout }, ThreeFiles);
        TimeSpan took;
        int attempts = 0;
        do
        {
            long start = Stopwatch.GetTimestamp();
            OpenReplyFlags first = mounted.OpenListing(), second = mounted.OpenListing();
            took = Stopwatch.GetElapsedTime(start);
            Assert.That(first, Is.EqualTo(OpenReplyFlags.CacheDirectory));
            // On a loaded machine the timeout may have come between the two.
            if (took < timeout)
                Assert.That(second, Is.EqualTo(OpenReplyFlags.CacheDirectory | OpenReplyFlags.KeepCache));
            Thread.Sleep(350);
        }
        while (took >= timeout && ++attempts < MostAttempts);
        Assert.That(took, Is.LessThan(timeout), "the second listing was always opened too late");
        Assert.That(mounted.OpenListing(), Is.EqualTo(OpenReplyFlags.CacheDirectory));
    }

    [Test]
    public void NothingIsKept_WhereTheKernelIsToRememberNothing()
    {
        using var mounted = new MountedSource(new FileSystemOptions { CacheTimeout = TimeSpan.Zero }, ThreeFiles);
        for (int i = 0; i < 3; i++)
            Assert.That(mounted.OpenListing(), Is.EqualTo(OpenReplyFlags.None));
        Assert.That(mounted.Shell("ls; mv \"$SRC/b.zst\" \"$SRC/d.zst\"; ls; rm \"$SRC/a.zst\"; ls"),
            Is.EqualTo("a\nb\nc\na\nc\nd\nc\nd\n"));
    }

    [Test]
    public void ChangesThroughTheMount_AreListedAtOnce()
    {
        using var mounted =
            new MountedSource(new FileSystemOptions { CacheTimeout = TimeSpan.FromHours(1) }, ThreeFiles);
        Assert.That(mounted.Shell(
            "ls; ls; echo > d; ls; rm a; ls; mv b e; ls; mkdir f; ln c g; ls; rmdir f; ls -l | tail -n +2 | wc -l")
                .Split('\n', StringSplitOptions.RemoveEmptyEntries),
            Is.EqualTo("a b c a b c a b c d b c d c d e c d e f g 4".Split(' ')));
    }

    [Test]
    public void ChangesInTheSource_AreListedWithinTheTimeout()
    {
        using var mounted = new MountedSource(prepare: ThreeFiles + "; mkdir sub");
        mounted.Shell(
            "ls > /dev/null; ls > /dev/null; ls sub; rm \"$SRC/a.zst\"; echo > \"$SRC/sub/note\"; echo 1 | "
            + "zstd -q > \"$SRC/sub/n.zst\"; echo longer | zstd -qf > \"$SRC/b.zst\"; sleep 1.1");
        Assert.That(mounted.Shell("ls; ls sub; stat -c %s b"), Is.EqualTo("b\nc\nsub\nn\n7\n"));
    }

    [Test]
    public void LongFolder_IsListedWholeEachTime_AndWithItsAttributes()
    {
        using var mounted = new MountedSource(new FileSystemOptions { CacheTimeout = TimeSpan.FromMinutes(1) },
            "seq 3000 | split -l 1 -a 4 - f && zstd -q --rm f*");
        mounted.Shell("""
            for i in 1 2 3; do test $(ls -U | sort -u | wc -l) = 3000; done
            test $(find . -type f -size -6c | wc -l) = 3000
            find . -type f -printf '%i\n' | sort -u | wc -l | grep -qx 3000
            rm -r ./f*[aeiou]; test $(ls -U | wc -l) = $(ls "$SRC"/*.zst | wc -l); rm -rf ./f*; test -z "$(ls)"
            """);
    }
}
