using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Source;

/// <summary>
/// A source with another file system mounted in it, or a subvolume: each numbers its inodes from the start.
/// </summary>
[TestFixture("ext4", null)]
[TestFixture("xfs", null)]
[TestFixture("tmpfs", null)]
[TestFixture("btrfs", "btrfs subvolume create -q")]
[TestFixture("btrfs", "btrfs subvolume snapshot -q twin")]
internal sealed class SeveralFileSystemsTests(string type, string? subvolume)
{
    private readonly List<LoopImage> _images = [];
    private MountedFolder _folder = null!;

    private string Source => _folder.Source;
    private string Mount => _folder.Mount;

    [SetUp]
    public void MountOneInAnother()
    {
        TestMachine.RequireRoot("mounting in a source");
        // Fresh file systems of one type give the same numbers in the same order.
        _images.Add(LoopImage.Create(type));
        _folder = MountedFolder.Prepared(new MountSetup { SourceParent = _images[0].Root });
        string inner = Source + "/inner";
        if (subvolume is null)
        {
            _images.Add(LoopImage.Create(type));
            Shell.Get($"mkdir '{inner}' && mount --bind '{_images[1].Root}' '{inner}'");
        }
        else if (subvolume.Contains("snapshot", StringComparison.Ordinal))
        {
            // Same numbers, same attributes, same times of birth.
            Shell.Get($"cd '{Source}' && btrfs -q subvolume create twin && {Fill("twin")}");
            _folder.Start();
            Shell.Get($"find '{Mount}' -type f -size +0");
            _folder.Unmount();
            Shell.Get($"cd '{Source}' && btrfs -q subvolume snapshot twin inner");
        }
        else
        {
            Shell.Get($"btrfs -q subvolume create '{inner}'");
        }
        Shell.Get($"cd '{Source}' && mkdir outer && {Fill("outer")}"
            + (subvolume is not null && subvolume.Contains("snapshot", StringComparison.Ordinal) ? ""
                : $" && {Fill("inner")}"));
        _folder.Start();
    }

    [TearDown]
    public void TakeAway()
    {
        _folder?.Dispose();
        if (_folder is not null)
            Shell.Run($"mountpoint -q '{Source}/inner' && umount '{Source}/inner'");
        foreach (LoopImage image in _images)
            image.Dispose();
        _images.Clear();
    }

    [Test]
    public void ToolOnTheInnerOne_WaitsForTheMountOfTheOuter(
        [Values("convert", "convert --revert", "recompress --level=9")] string command)
    {
        string before = Shell.Get($"cd '{Source}/inner' && find . | sort");
        ShellResult refused = _folder.Program([.. command.Split(' '), Source + "/inner"]);
        Assert.That(refused.ExitCode, Is.EqualTo(6), refused.ToString);
        Assert.That(refused.Error, Does.Contain($"is in the source '{Source}', which is in use"));
        Assert.That(Shell.Get($"cd '{Source}/inner' && find . | sort"), Is.EqualTo(before));
        _folder.Unmount();
        Assert.That(_folder.Program([.. command.Split(' '), Source + "/inner"]).ExitCode, Is.EqualTo(0).Or.EqualTo(8));
    }

    [Test]
    public void Numbers_AreOfOneFileEach_AndStayAfterARemount()
    {
        string numbers = AllNumbers();
        Assert.That(
            Shell.Get(
                $"printf '%s\\n' '{numbers.Replace("\n", "' '", StringComparison.Ordinal)}' | cut -d' ' -f1 | sort | "
                + "uniq -d"),
            Is.Empty, numbers);
        Assert.That(
            Shell.Get(
                $"cd '{Mount}/inner' && python3 -c 'import os\n"
                + "for e in os.scandir(\".\"): assert e.inode() == os.lstat(e.name).st_ino, e.name'"),
            Is.Empty, "numbers in a listing");
        Shell.Get($"cd '{Mount}' && for f in inner/f? outer/f?; do echo more >> $f; done");
        Assert.That(AllNumbers(), Is.EqualTo(numbers), "after rewrites");
        _folder.Remount();
        Assert.That(AllNumbers(), Is.EqualTo(numbers));
        Assert.That(Shell.Get($"cat '{Mount}'/inner/f2"), Is.EqualTo("2 of inner\nmore").Or.EqualTo("2 of twin\nmore"));
    }

    [Test]
    public void RenameAndLinkAcross_AreRefused_AndMvCopies()
    {
        const string Across = """
            import errno, os
            for act in (os.rename, os.link):
                for one, other in (("inner/f1", "outer/new"), ("outer/f1", "inner/new"), ("outer/f1", "inner/f2")):
                    try: act(one, other); assert act == os.link and other == "inner/f2", "went through"
                    except OSError as e: assert e.errno == errno.EXDEV or act == os.link and e.errno == errno.EEXIST, e
            """;
        Shell.Get($"cd '{Mount}' && python3 - <<'END'\n{Across}\nEND");
        Shell.Get(
            $"cd '{Mount}' && cat inner/f1 > '{Source}.kept' && mv inner/f1 outer/moved && "
            + $"cmp outer/moved '{Source}.kept' && [ ! -e inner/f1 ] && [ -e outer/f1 ]");
        _folder.Unmount();
        Shell.Get($"zstd -qdc '{Source}/outer/moved.zst' | cmp - '{Source}.kept' && [ ! -e '{Source}/inner/f1.zst' ]");
    }

    [Test]
    public void Writes_AreCommittedThere_WithOneNameAndWithSeveral()
    {
        Shell.Get($"""
            cd '{Mount}/inner' && seq 1000000 > large && ln large second && seq 900000 > alone &&
                setfacl -d -m u:77:rw . && echo small > small
            printf changed | dd of=large bs=1 seek=3000000 conv=notrunc status=none
            printf changed | dd of=alone bs=1 seek=3000000 conv=notrunc status=none
            cat large alone small | sha256sum > '{Source}.sum'; getfacl -c alone | grep -c 77 | grep -qx 0
            """);
        ShellResult synced = _folder.Program("sync", Mount);
        Assert.That(synced.ExitCode, Is.Zero, synced.ToString);
        Shell.Get(
            $"cd '{Source}/inner' && zstd -qdc large.zst alone.zst small.zst | sha256sum | cmp - '{Source}.sum' && "
            + "[ large.zst -ef second.zst ] && zstd -qt ./*.zst");
        Assert.That(Shell.Get($"ls -A '{Source}/inner' | grep -v 'zst$' | grep -v -e special -e lost+found"),
            Is.EqualTo("folder"), "nothing is left beside them");
        _folder.Remount();
        Shell.Get(
            $"cd '{Mount}/inner' && cat large alone small | sha256sum | cmp - '{Source}.sum' && [ large -ef second ]");
    }

    [Test]
    public void KilledDaemon_LosesNothingThere()
    {
        Shell.Get($"cd '{Mount}/inner' && seq 1000000 > large && ln large second && seq 900000 > alone && sync -f .");
        Shell.Get(
            $"cd '{Mount}/inner' && for f in large alone; do seq 3000000 3900000 | "
            + $"dd of=$f bs=1M conv=notrunc status=none; done; cat large alone | sha256sum > '{Source}.sum'");
        _folder.Crash();
        _folder.Start();
        Shell.Get($"cd '{Mount}/inner' && cat large alone | sha256sum | cmp - '{Source}.sum' && [ large -ef second ]");
        _folder.Unmount();
        Shell.Get($"cd '{Source}/inner' && zstd -qdc large.zst alone.zst | sha256sum | cmp - '{Source}.sum'");
    }

    [Test]
    public void Check_LooksAtTheFilesOfBoth()
    {
        Shell.Get($"find '{Mount}' -type f -size +0 -exec cat {{}} +");
        _folder.Unmount();
        ShellResult healthy = _folder.Program("check", Source);
        Assert.That(healthy.ExitCode, Is.Zero, healthy.ToString);
        Shell.Get($"touch -d 2001-01-01 '{Source}/inner/f1.zst' '{Source}/outer/f1.zst'");
        ShellResult found = _folder.Program("check", "--repair", Source);
        Assert.That(found.ExitCode, Is.EqualTo(1), found.ToString);
        foreach (string path in new[] { "inner/f1.zst", "outer/f1.zst" })
            Assert.That(found.Output, Does.Contain($"{path}: record-stale"), found.ToString);
        Assert.That(_folder.Program("check", Source).ExitCode, Is.Zero);
        string numbers = AllRecords();
        _folder.Start();
        Shell.Get($"ls -lR '{Mount}'");
        _folder.Unmount();
        Assert.That(AllRecords(), Is.EqualTo(numbers), "mended records are those of their files");
    }

    [Test]
    public void StatFs_IsThatOfThePlace()
    {
        if (subvolume is not null)
            Assert.That(Shell.Get($"stat -f -c %b '{Mount}/inner'"),
                Is.EqualTo(Shell.Get($"stat -f -c %b '{Source}/inner'")));
        else
        {
            Shell.Get(
                $"dd if=/dev/urandom of='{Source}/outer/room' bs=1M count=64 status=none && "
                + $"sync -f '{Source}/outer/room'");
            foreach (string place in new[] { "inner", "inner/f1", "inner/folder", "outer", "." })
                Assert.That(Shell.Get($"stat -f -c %a '{Mount}/{place}'"),
                    Is.EqualTo(
                        Shell.Get($"stat -f -c %a '{Source}/{place.Replace("f1", "", StringComparison.Ordinal)}'")),
                    place);
        }
        Assert.That(Shell.Get($"stat -f -c %l '{Mount}/inner'"), Is.EqualTo("255"));
    }

    // Every kind of node, made in the same order.
    private static string Fill(string folder) =>
        $"for i in 1 2 3 4 5 6; do echo \"$i of {folder}\" | zstd -q > {folder}/f$i.zst; done && "
        + $"mkdir {folder}/folder && ln -s f1 {folder}/special && mkfifo {folder}/special-fifo";

    private string AllRecords() =>
        Shell.Get($"cd '{Source}' && getfattr -e hex -n user.zstdfs inner/*.zst outer/*.zst");

    private string AllNumbers() => Shell.Get($"cd '{Mount}' && find . -printf '%i %P\\n' | sort -k2");
}
