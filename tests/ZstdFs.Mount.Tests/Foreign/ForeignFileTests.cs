using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Foreign;

/// <summary>
/// Files that other programs compressed: their size, their bytes, and what happens when they are written.
/// </summary>
[TestFixtureSource(typeof(ForeignFile), nameof(ForeignFile.All))]
internal sealed class ForeignFileTests(ForeignFile kind)
{
    private string _outside = "";
    private MountedFolder? _folder;

    private MountedFolder Folder => _folder ?? throw new InvalidOperationException("not mounted");

    [SetUp]
    public void MountIt()
    {
        _outside = TestMachine.CreateFolder();
        _folder = MountedFolder.Create(prepare: source => kind.Make(source, $"{_outside}/plain"));
    }

    [TearDown]
    public void Unmount()
    {
        _folder?.Dispose();
        Shell.Run($"rm -rf --one-file-system -- '{_outside}'");
    }

    [Test]
    public void Stat_ShowsSizeModeAndTime()
    {
        Assert.That(Bash("stat -c '%s %a %.9Y %F' f | sed 's/regular empty/regular/'"),
            Is.EqualTo($"{Bash("stat -c %s $outside/plain")} 640 1234567890.123456789 regular file"));
        Assert.That(Bash("ls -l f | awk '{print $5}'; find f -printf %s"),
            Is.EqualTo(Bash("stat -c '%s\n%s' $outside/plain")));
        Folder.Unmount();
    }

    [Test]
    public void WholeAndInPieces_IsRight()
    {
        Bash("cmp f $outside/plain");
        Folder.Remount();
        Bash(
            """
            python3 - "$outside/plain" <<'END'
            import os, random, sys
            chance = random.Random(5)
            with open(sys.argv[1], "rb") as f: plain = f.read()
            fd = os.open("f", os.O_RDONLY)
            places = [(len(plain) - 1, 10), (len(plain), 10), (len(plain) + 5, 10), (1234566, 3), (0, 1)]
            places += [(chance.randrange(len(plain) + 1), chance.choice([1, 100, 5000, 200000])) for _ in range(60)]
            for at, length in places:
                at = max(at, 0)
                assert os.pread(fd, length, at) == plain[at:at + length], (at, length)
            assert os.lseek(fd, 0, os.SEEK_END) == len(plain)
            END
            cmp f $outside/plain
            """);
        Folder.Unmount();
    }

    [Test]
    public void Appending_AddsAndKeepsTheRest()
    {
        Bash("number=$(stat -c %i f); echo tail >> f && echo tail >> $outside/plain && cmp f $outside/plain && "
            + "[ $(stat -c %i f) = $number ]");
        AssertStoredAndKept();
    }

    [Test]
    public void OverwritingTheMiddle_ChangesThoseBytesAlone()
    {
        Bash(
            """
            touch -d @1000000000.5 f
            size=$(stat -c %s f); head -c 2000 /dev/urandom > $outside/part
            for to in f $outside/plain; do
                dd if=$outside/part of=$to bs=4K oflag=seek_bytes seek=$((size / 2)) conv=notrunc status=none
            done
            cmp f $outside/plain
            touch -d @1111111111.000000007 f
            """);
        AssertStoredAndKept();
        Assert.That(Shell.Get($"stat -c '%a %.9Y' '{Folder.Source}/f.zst'"), Is.EqualTo("640 1111111111.000000007"));
    }

    [Test]
    public void Truncating_KeepsTheBeginning()
    {
        Bash("size=$(( $(stat -c %s f) * 2 / 3 )); truncate -s $size f $outside/plain && cmp f $outside/plain");
        AssertStoredAndKept();
    }

    private string Bash(string script) =>
        Shell.Get($"set -euo pipefail; cd '{Folder.Mount}'; outside='{_outside}'\n{script}");

    // Stock zstd and a new mount both read what the plain file beside it holds.
    private void AssertStoredAndKept()
    {
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero);
        Shell.Get(
            $"zstd -qt --long=27 '{Folder.Source}/f.zst' && "
            + $"zstd -qdc --long=27 '{Folder.Source}/f.zst' | cmp - '{_outside}/plain'");
        Folder.Remount();
        Bash("cmp f $outside/plain");
        Folder.Unmount();
        Folder.Start();
        Assert.That(Bash("stat -c '%s %a' f"), Is.EqualTo($"{Bash("stat -c %s $outside/plain")} 640"));
    }
}
