using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.FileSystem;

/// <summary>Names that the kernel remembers as free and that have come into the source since.</summary>
[CancelAfter(120_000)]
internal sealed class AppearedNameTests
{
    private const string Stored = "seq 3 | zstd -q > \"$SRC/x.zst\"", Plain = "seq 3 > \"$SRC/x\"";
    private const string Escaped = "mkdir \"$SRC/y.zs%\"; ln -s y.zst \"$SRC/x\"";

    [TestCase(Stored, "1\n2\n3\nmore\n")]
    [TestCase(Plain, "1\n2\n3\nmore\n")]
    [TestCase("ln -s target \"$SRC/x\"", "0\nmore\n")]
    [TestCase("ln -s new \"$SRC/x\"", "more\n")]
    [TestCase("mkdir \"$SRC/x\"", "x: Is a directory\n")]
    [TestCase(Escaped, "x: Is a directory\n")]
    public void OpenThatMayCreate_OpensWhatIsThere(string appears, string expected)
    {
        using var mounted = Mount();
        Assert.That(mounted.Shell(
            $"! cat x 2> /dev/null; {appears}; {{ {{ echo more >> x; }} 2>&1 || "
            + $"true; }} | sed 's/.*: x:/x:/'; cat x 2> /dev/null || true"),
            Is.EqualTo(expected));
    }

    [TestCase(Stored)]
    [TestCase(Plain)]
    [TestCase("mkdir \"$SRC/x\"")]
    public void OpenThatMustCreate_AnswersThatItExists(string appears)
    {
        using var mounted = Mount();
        Assert.That(mounted.Shell($$"""
            ! cat x 2> /dev/null; {{appears}}
            python3 - <<'END'
            import errno, os, stat
            for make in (lambda: os.open("x", os.O_CREAT | os.O_EXCL | os.O_WRONLY),
                    lambda: os.mknod("x", stat.S_IFREG | 0o644), lambda: os.mkdir("x")):
                try: make(); print("made")
                except OSError as e: print(errno.errorcode[e.errno])
            END
            """), Is.EqualTo("EEXIST\nEEXIST\nEEXIST\n"));
    }

    [Test]
    public void EmptyingOne_EmptiesWhatIsThere()
    {
        using var mounted = Mount();
        Assert.That(
            mounted.Shell($"! cat x 2> /dev/null; {Stored}; stat -c %i x 2> /dev/null || true; echo new > x; cat x"),
            Is.EqualTo("new\n"));
    }

    // The kernel does not ask for the name again by itself.
    private static MountedSource Mount() => new(
        new FileSystemOptions { PlainFiles = PlainFiles.Show, CacheTimeout = TimeSpan.FromMinutes(10) },
            "echo 0 | zstd -q > target.zst");
}
