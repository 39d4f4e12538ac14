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
    [TestCase("seq 500000 > p; python3 -c 'import os; b = bytearray(os.popen(\"zstd -qc p\").buffer.read()); b[len(b) // 2] ^= 255; os.write(1, b)'; rm p", "one byte flipped")]
    public void DamagedFile_ReadsAsErrorAndIsNamedInTheLog(string make, string what)
    {
        using MountedFolder folder = MountedFolder.Create(prepare: source => Shell.Get($"cd '{source}' && {{ {make}; }} > bad-file.zst; echo good | zstd -q > good.zst"));
        ShellResult read = Shell.Run($"cat '{folder.Mount}/bad-file' | cmp - <(seq 500000)");
        Assert.That(Shell.Get($"cat '{folder.Mount}/good'; ls '{folder.Mount}'"), Is.EqualTo("good\nbad-file\ngood"), what);
        Assert.That(Shell.Run($"cat '{folder.Mount}/bad-file' > /dev/null").Error, Does.Contain("Input/output error"), what);
        Assert.That(read.Output, Does.Not.Contain("differ:"), "wrong bytes");
        Assert.That(folder.Log, Does.Contain("bad-file"), what);
        string before = Shell.Get($"sha256sum '{folder.Source}/bad-file.zst'");
        Shell.Run($"echo more >> '{folder.Mount}/bad-file'");
        folder.Program("sync", folder.Mount);
        Assert.That(Shell.Get($"sha256sum '{folder.Source}/bad-file.zst'"), Is.EqualTo(before), "a damaged file was rewritten");
        Shell.Get($"echo new > '{folder.Mount}/bad-file' && cat '{folder.Mount}/bad-file' && rm '{folder.Mount}/bad-file'");
        folder.Unmount();
    }
}
