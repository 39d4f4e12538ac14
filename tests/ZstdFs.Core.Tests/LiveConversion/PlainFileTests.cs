using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.LiveConversion;

/// <summary>Files in the source that are not compressed.</summary>
[CancelAfter(120_000)]
internal sealed class PlainFileTests
{
    [Test]
    public void Ignored_TheyAreNotShownAndTheLogSaysHow()
    {
        using var mounted =
            new MountedSource(prepare: "echo plain > a; mkdir d; echo deep > d/b; echo packed | zstd -q > c.zst");
        Assert.That(mounted.Shell("ls; ls d; test ! -e a"), Is.EqualTo("c\nd\n"));
        Assert.That(mounted.Log, Has.Count.EqualTo(1));
        Assert.That(mounted.Log[0], Does.Contain("'a'").And.Contain("--plain=show"));
    }

    [Test]
    public void Shown_TheyAreReadAndWrittenAsTheyAre()
    {
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = PlainFiles.Show },
            "echo plain > a; mkdir d; echo deep > d/b; echo packed | zstd -q > c.zst");
        mounted.Shell("""
            test "$(ls)" = "$(printf 'a\nc\nd')"; test "$(cat a)" = plain; test "$(cat d/b)" = deep
            echo more >> a; truncate -s 3 d/b; mv a e; chmod 600 e; echo new > f
            test "$(cat "$SRC/e")" = "$(printf 'plain\nmore')"; test "$(stat -c %s "$SRC/d/b")" = 3
            test "$(stat -c %a "$SRC/e")" = 600
            test -e "$SRC/f.zst"; test ! -e "$SRC/f"; rm e; test ! -e "$SRC/e"
            """);
        Assert.That(mounted.Log, Is.Empty);
    }

    [TestCase(PlainFiles.Ignore)]
    [TestCase(PlainFiles.Show)]
    public void BesideACompressedOneOfTheName_ThatOneIsShown_AndTheLogSaysSoOnce(PlainFiles mode)
    {
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = mode },
            "mkdir d; echo plain > d/a; echo packed | zstd -q > d/a.zst");
        Assert.That(mounted.Shell("ls d; ls d; cat d/a; rm d/a; cat \"$SRC/d/a\""),
            Is.EqualTo("a\na\npacked\nplain\n"));
        Assert.That(mounted.Log, Has.Exactly(1).Contains("both 'd/a' and 'd/a.zst'"));
    }
}
