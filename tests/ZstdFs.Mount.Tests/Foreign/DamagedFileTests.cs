using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Foreign;

/// <summary>Files called .zst that are not whole: never wrong bytes, and never anybody else's trouble.</summary>
[TestFixture]
internal sealed class DamagedFileTests
{
    [TestCase("seq 100000 | head -c 300000", "not zstd at all")]
    [TestCase("seq 500000 | zstd -q | head -c 50000", "cut off")]
    [TestCase("seq 500000 | zstd -q | head -c 3", "cut off in its header")]
    [TestCase("{ seq 500000 | zstd -q; echo garbage; }", "garbage behind")]
    [TestCase(
        "seq 500000 > p; python3 -c 'import os; b = bytearray(os.popen(\"zstd -qc p\").buffer.read()); "
        + "b[len(b) // 2] ^= 255; os.write(1, b)'; rm p",
        "one byte flipped")]
    public void DamagedFile_ReadsAsErrorAndIsNamedInTheLog(string make, string what)
    {
        using MountedFolder folder = MountedFolder.Create(prepare: source =>
            Shell.Get($"cd '{source}' && {{ {make}; }} > bad-file.zst; echo good | zstd -q > good.zst"));
        ShellResult read = Shell.Run($"cat '{folder.Mount}/bad-file' | cmp - <(seq 500000)");
        Assert.That(Shell.Get($"cat '{folder.Mount}/good'; ls '{folder.Mount}'"), Is.EqualTo("good\nbad-file\ngood"),
            what);
        Assert.That(Shell.Run($"cat '{folder.Mount}/bad-file' > /dev/null").Error, Does.Contain("Input/output error"),
            what);
        Assert.That(read.Output, Does.Not.Contain("differ:"), "wrong bytes");
        Assert.That(folder.Log, Does.Contain("bad-file"), what);
        string before = Shell.Get($"sha256sum '{folder.Source}/bad-file.zst'");
        Shell.Run($"echo more >> '{folder.Mount}/bad-file'");
        folder.Program("sync", folder.Mount);
        Assert.That(Shell.Get($"sha256sum '{folder.Source}/bad-file.zst'"), Is.EqualTo(before),
            "a damaged file was rewritten");
        Shell.Get(
            $"echo new > '{folder.Mount}/bad-file' && cat '{folder.Mount}/bad-file' && rm '{folder.Mount}/bad-file'");
        folder.Unmount();
    }

    /// <summary>
    /// Whoever may read a damaged file can read it as often as he likes: that must not fill the log's disk.
    /// </summary>
    [Test]
    public void DamagedRangeReadAThousandTimes_IsOneLine_AndAgainOneWhenTheFileChanged()
    {
        // Two frames, the second of them damaged.
        const string Make = "seq 100000 > p && zstd -qc p > one && cat one one > bad-file.zst && "
            + "printf X | dd of=bad-file.zst bs=1 seek=$(($(stat -c %s one) * 3 / 2)) conv=notrunc status=none && "
            + "rm p one";
        const string Read = """
            import os, sys
            os.chdir(sys.argv[1])
            for i in range(1000):
                f = os.open('bad-file', os.O_RDONLY)
                os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
                try: os.pread(f, 100, 600000 + i * 500); sys.exit('it reads')
                except OSError as e: assert e.errno == 5
                os.close(f)
                try: os.stat('no\x1bfile%d' % i); sys.exit('it is there')
                except FileNotFoundError: pass
            """;
        using MountedFolder folder = MountedFolder.Create(prepare: source => Shell.Get($"cd '{source}' && {Make}"));
        string script = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "script.py");
        File.WriteAllText(script, Read);
        Shell.Get($"python3 '{script}' '{folder.Mount}'");
        Assert.That(Lines(folder), Is.EqualTo(1), folder.Log);
        Shell.Get(
            $"cd '{folder.Source}' && {Make} && cat '{folder.Mount}/bad-file' > /dev/null 2>&1 && "
            + $"exit 1; sleep 1.1; cat '{folder.Mount}/bad-file' > /dev/null 2>&1 && exit 1; exit 0");
        Assert.That(Lines(folder), Is.EqualTo(2), folder.Log);
        folder.Unmount();
    }

    private static int Lines(MountedFolder folder) =>
        folder.Log.Split('\n')
            .Count(static line => line.Contains("bad-file", StringComparison.Ordinal)
                || line.Contains("error", StringComparison.Ordinal));
}
