using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary><c>zstdfs convert</c> on real folders, looked at with native tools.</summary>
[TestFixture]
internal sealed class ConvertTests
{
    private ToolFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new ToolFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void MixedFolder_ThereAndBack_IsTheSameInEveryAttribute(
        [Values("", "--frame-size 64K --jobs 5", "--level -5 --jobs 1")] string options)
    {
        _folder.MakeMixed();
        string before = ToolFolder.Manifest(_folder.Tree);
        long blocks = long.Parse(
            _folder.InTree(
                "find . -path ./.zstdfs -prune -o -type f -printf '%b\\n' | awk '{ s += $1 } END { print s }'"),
            System.Globalization.CultureInfo.InvariantCulture);
        ToolFolder.Require(0, $"convert {options} '{_folder.Tree}'");
        Assert.That(
            Shell.Get(
                $"cd '{_folder.Tree}' && find . -path ./.zstdfs -prune -o -type f ! -name '*.zst' -print -o -type f "
                + "-path '*folder.zst*' ! -name '*.zst' -print"),
            Is.Empty);
        Shell.Get($"cd '{_folder.Tree}' && find . -path ./.zstdfs -prune -o -type f -print0 | xargs -0 zstd -qt");
        ToolFolder.Require(0, $"convert --revert {options} '{_folder.Tree}'");
        Assert.That(ToolFolder.Manifest(_folder.Tree), Is.EqualTo(before));
        Assert.That(Directory.Exists(Path.Combine(_folder.Tree, ".zstdfs")), Is.False, "a plain folder again");
        long after = long.Parse(
            _folder.InTree(
                "find . -path ./.zstdfs -prune -o -type f -printf '%b\\n' | awk '{ s += $1 } END { print s }'"),
            System.Globalization.CultureInfo.InvariantCulture);
        Assert.That(after, Is.LessThanOrEqualTo(blocks), "sparse files are sparse again");
    }

    /// <summary>A folder whose names must stay: nothing in it is converted, and everything else is.</summary>
    [Test]
    public void AppendOnlyFolder_IsNamedAndStays()
    {
        TestMachine.RequireRoot("chattr +a");
        string tree = Path.Combine(SharedImages.Root("ext4"), Guid.NewGuid().ToString("n")[..8]);
        Shell.Get($"mkdir -p '{tree}/a' '{tree}/b' && cd '{tree}' && seq 1000 > a/x && seq 1000 > b/y && "
            + "seq 9 > a/l && ln a/l b/l && chattr +a a");
        try
        {
            ShellResult converted = ToolFolder.Require(8, $"convert '{tree}'");
            Assert.That(converted.Error, Does.Contain("'a/x'").And.Contain("append-only"));
            Assert.That(Shell.Get($"cd '{tree}' && ls a b"), Is.EqualTo("a:\nl\nx\n\nb:\nl\ny.zst"));
            Assert.That(ToolFolder.Program($"check '{tree}'").Output, Is.Empty);
            Shell.Get($"chattr -a '{tree}/a'");
            ToolFolder.Require(0, $"convert '{tree}'");
            Shell.Get($"chattr +a '{tree}/a'");
            ToolFolder.Require(8, $"convert --revert '{tree}'");
            Assert.That(Shell.Get($"cd '{tree}' && ls a b"), Is.EqualTo("a:\nl.zst\nx.zst\n\nb:\nl.zst\ny"));
        }
        finally
        {
            Shell.Run($"chattr -a '{tree}/a'; rm -rf '{tree}'");
        }
    }

    [Test]
    public void OtherFileSystems_ThereAndBack([Values("btrfs", "xfs", "tmpfs")] string type)
    {
        using LoopImage image = LoopImage.Create(type);
        using var folder = new ToolFolder(Path.Combine(image.Root, "tree"));
        folder.MakeMixed();
        string before = ToolFolder.Manifest(folder.Tree);
        ToolFolder.Require(0, $"convert '{folder.Tree}'");
        ToolFolder.Require(0, $"check --data '{folder.Tree}'");
        ToolFolder.Require(0, $"convert --revert '{folder.Tree}'");
        Assert.That(ToolFolder.Manifest(folder.Tree), Is.EqualTo(before));
    }

    [Test]
    public void OtherMountBelow_IsConvertedWhenAsked()
    {
        using LoopImage image = LoopImage.Create("ext4", 64);
        _folder.InTree(
            $"mkdir other; mount --bind '{image.Root}' other && seq 1 500 > other/file; "
            + "touch -d @1600000000 other/file; seq 1 9 > inside");
        try
        {
            ToolFolder.Require(0, $"convert --one-file-system=false --exclude lost+found '{_folder.Tree}'");
            Assert.That(_folder.InTree("ls other; zstdcat other/file.zst | tail -1"),
                Is.EqualTo("file.zst\nlost+found\n500"));
        }
        finally
        {
            Shell.Get($"umount '{_folder.Tree}/other'");
        }
    }

    [Test]
    public void MixedFolder_Mounted_ShowsWhatWasThere()
    {
        using MountedFolder mounted = MountedFolder.Prepared();
        _folder.MakeMixed();
        Shell.Get(
            $"cp -a --preserve=all '{_folder.Tree}/.' '{mounted.Source}' && "
            + $"touch -r '{_folder.Tree}' '{mounted.Source}'");
        string before = ToolFolder.Manifest(mounted.Source, withAccessTimes: false);
        ToolFolder.Require(0, $"convert '{mounted.Source}'");
        mounted.Start();
        Assert.That(ToolFolder.Manifest(mounted.Mount, withAccessTimes: false), Is.EqualTo(before));
        Assert.That(Shell.Get($"find '{mounted.Mount}' -type f -printf '%i %n\\n' | sort | uniq -c | awk '$1 != $3'"),
            Is.Empty, "inode numbers are unique");
    }

    [Test]
    public void SecondRun_DoesNothing()
    {
        _folder.MakeMixed();
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        string before = ToolFolder.Manifest(_folder.Tree);
        ShellResult again = ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        Assert.That(again.Error, Does.Contain("converted 0 files"));
        Assert.That(ToolFolder.Manifest(_folder.Tree), Is.EqualTo(before));
    }

    [Test]
    public void BothForms_AreLeftAndNamed()
    {
        _folder.InTree("echo plain > x; echo compressed | zstd -q > x.zst; echo other > y");
        ShellResult result = ToolFolder.Require(8, $"convert '{_folder.Tree}'");
        Assert.That(result.Error, Does.Contain("left: 'x'").And.Contain("converted 1 files, 1 left"));
        Assert.That(_folder.InTree("cat x; zstdcat x.zst; ls"), Is.EqualTo("plain\ncompressed\nx\nx.zst\ny.zst"));
    }

    [Test]
    public void InodeFlags_AreKept()
    {
        TestMachine.RequireRoot("inode flags");
        string tree = Path.Combine(SharedImages.Root("ext4"), Guid.NewGuid().ToString("n")[..8]);
        using var folder = new ToolFolder(tree);
        folder.InTree("seq 99999 > x && chattr +A +d +S x");
        string flags = Flags("x");
        Assert.That(flags, Does.Contain("A").And.Contain("d").And.Contain("S"));
        ToolFolder.Require(0, $"convert '{tree}'");
        Assert.That(Flags("x.zst"), Is.EqualTo(flags));
        ToolFolder.Require(0, $"recompress --level 12 '{tree}'");
        Assert.That(Flags("x.zst"), Is.EqualTo(flags));
        ToolFolder.Require(0, $"convert --revert '{tree}'");
        Assert.That(Flags("x"), Is.EqualTo(flags));
        Directory.Delete(tree, recursive: true);

        string Flags(string name) => folder.InTree($"lsattr {name} | cut -d' ' -f1");
    }

    [TestCase("convert --on-conflict keep-plain", "plain\n", "x.zst")]
    [TestCase("convert --on-conflict keep-compressed", "compressed\n", "x.zst")]
    [TestCase("convert --revert --existing-zst=decode --on-conflict keep-plain", "plain\n", "x")]
    [TestCase("convert --revert --existing-zst=decode --on-conflict keep-compressed", "compressed\n", "x")]
    public void BothForms_TheChosenOneStays(string command, string content, string name)
    {
        _folder.InTree("echo plain > x; echo compressed | zstd -q > x.zst");
        ToolFolder.Require(0, $"{command} '{_folder.Tree}'");
        Assert.That(_folder.InTree("ls; zstdcat -f *"), Is.EqualTo($"{name}\n{content}".TrimEnd('\n')));
    }

    [Test]
    public void ChosenButDamaged_NeitherGoes()
    {
        _folder.InTree(
            "echo plain > x; seq 1 1000 | zstd -q > x.zst; printf 'abc' | "
            + "dd of=x.zst bs=1 seek=50 conv=notrunc status=none; sha256sum x.zst > ../sum");
        ShellResult result = ToolFolder.Require(8, $"convert --on-conflict keep-compressed '{_folder.Tree}'");
        Assert.That(result.Error, Does.Contain("damaged"));
        _folder.InTree("cat x && sha256sum -c ../sum");
    }

    [Test]
    public void FileOpenForWriting_IsLeft()
    {
        _folder.InTree("echo one > busy; echo two > idle; echo three > read");
        using FileStream writer =
            new(Path.Combine(_folder.Tree, "busy"), FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        using FileStream reader =
            new(Path.Combine(_folder.Tree, "read"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        ShellResult result = ToolFolder.Require(8, $"convert '{_folder.Tree}'");
        Assert.That(result.Error, Does.Contain("left: 'busy': somebody has it open for writing"));
        Assert.That(_folder.InTree("ls"), Is.EqualTo("busy\nidle.zst\nread.zst"));
    }

    [Test]
    public void LinkElsewhere_IsLeftUntilAllNamesAreThere()
    {
        _folder.InTree("mkdir sub; seq 1 100 > sub/x; ln sub/x y; seq 1 200 > sub/z");
        ShellResult part = ToolFolder.Require(8, $"convert '{_folder.Tree}/sub'");
        Assert.That(part.Error, Does.Contain("1 of its 2 names"));
        Assert.That(_folder.InTree("ls sub"), Is.EqualTo("x\nz.zst"));
        Assert.That(ToolFolder.Require(8, $"convert '{_folder.Tree}'").Error,
            Does.Contain("left: 'sub': the folder is a source of its own"));
        _folder.InTree("rm -r sub/.zstdfs");
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        Assert.That(_folder.InTree("stat -c %h y.zst sub/x.zst; [ y.zst -ef sub/x.zst ]; zstdcat y.zst | tail -1"),
            Is.EqualTo("2\n2\n100"));
    }

    [Test]
    public void UnreadableAndImmutable_AreLeftAndNamed()
    {
        TestMachine.RequireRoot("becoming an ordinary user");
        _folder.InTree(
            "mkdir mine locked; seq 1 9 > mine/ok; seq 1 9 > mine/foreign; seq 1 9 > locked/in; "
            + "chown -R 65534:65534 .; chown 0:0 mine/foreign locked; chmod 600 mine/foreign; chmod 700 locked");
        ShellResult result = ToolFolder.Require(8, $"convert '{_folder.Tree}'", ShellUser.Ordinary);
        Assert.That(result.Error,
            Does.Contain("left: 'mine/foreign'").And.Contain("left: 'locked'").And.Contain(
                "converted 1 files, 2 left"));
        _folder.InTree("chattr +i mine/foreign");
        result = ToolFolder.Require(8, $"convert '{_folder.Tree}'");
        Assert.That(result.Error,
            Does.Contain("left: 'mine/foreign'").And.Contain("immutable").And.Contain("converted 1 files, 1 left"));
    }

    [Test]
    public void Filters_ChooseByNamePathAndSize()
    {
        _folder.InTree(
            "mkdir -p src/obj doc; for f in src/a.c src/b.h src/obj/c.o doc/d.txt; do seq 1 1000 > $f; done; "
            + "echo tiny > src/e.c");
        ToolFolder.Require(0,
            $"convert --include '*.c' --include 'doc/**' --exclude obj --min-size 1K '{_folder.Tree}'");
        Assert.That(_folder.InTree("find . -path ./.zstdfs -prune -o -type f -print | sort"),
            Is.EqualTo("./doc/d.txt.zst\n./src/a.c.zst\n./src/b.h\n./src/e.c\n./src/obj/c.o"));
    }

    [Test]
    public void Incompressible_StaysPlainWhenAsked()
    {
        _folder.InTree("head -c 100000 /dev/urandom > small; head -c 9000000 /dev/urandom > large; seq 1 1000 > text");
        ShellResult result = ToolFolder.Require(0, $"convert --skip-incompressible '{_folder.Tree}'");
        Assert.That(result.Error, Does.Contain("2 left plain as incompressible"));
        Assert.That(_folder.InTree("ls"), Is.EqualTo("large\nsmall\ntext.zst"));
    }

    [Test]
    public void OtherMountBelow_IsPassedOver()
    {
        TestMachine.RequireRoot("mounting");
        _folder.InTree("mkdir other; echo in > inside; mount -t tmpfs none other && echo out > other/file");
        try
        {
            ToolFolder.Require(0, $"convert '{_folder.Tree}'");
            Assert.That(_folder.InTree("ls other"), Is.EqualTo("file"));
        }
        finally
        {
            Shell.Get($"umount '{_folder.Tree}/other'");
        }
    }

    [Test]
    public void ForeignFiles_RevertToTheirContent()
    {
        _folder.InTree(
            """
            seq 1 2000000 > ../plain; cat ../plain | zstd -q > one-huge-frame.zst; split -b 3000000 ../plain ../part.
            for p in ../part.*; do zstd -qc --no-check $p; done > many-frames.zst
            zstd -q --long=27 -c < ../plain > long.zst; : > nothing.zst; zstd -q < /dev/null > empty.zst
            """);
        Assert.That(ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'").Error,
            Does.Contain("5 .zst files stay because nothing of this source wrote them"));
        Assert.That(_folder.InTree("ls | grep -c 'zst$'"), Is.EqualTo("5"));
        ToolFolder.Require(0, $"convert --revert --existing-zst=decode '{_folder.Tree}'");
        Assert.That(
            _folder.InTree(
                "for f in one-huge-frame many-frames long; do cmp $f ../plain; done; stat -c '%n %s' nothing empty; "
                + "ls | wc -l"),
            Is.EqualTo("nothing 0\nempty 0\n5"));
    }

    [Test]
    public void Damaged_IsNotReverted()
    {
        _folder.InTree(
            "seq 1 1000 | zstd -q > x.zst; seq 1 1000 | zstd -q > y.zst; printf 'abc' | "
            + "dd of=x.zst bs=1 seek=50 conv=notrunc status=none");
        ShellResult result = ToolFolder.Require(8, $"convert --revert --existing-zst=decode '{_folder.Tree}'");
        Assert.That(result.Error, Does.Contain("left: 'x.zst': its stored form is damaged"));
        Assert.That(_folder.InTree("ls"), Is.EqualTo("x.zst\ny"));
    }

    [Test]
    public void DiskFull_LeavesWhatDoesNotFit()
    {
        using LoopImage image = LoopImage.Create("ext4", 64);
        Shell.Get(
            $"cd '{image.Root}' && for i in $(seq 1 20); do head -c 2000000 /dev/urandom > f$i; done; "
            + $"sha256sum f* > '{_folder.Path}/sums'; "
            + "fallocate -l $(($(stat -f -c %a .) * $(stat -f -c %S .) - 3000000)) filler");
        ShellResult result = ToolFolder.Require(8, $"convert --exclude filler '{image.Root}'");
        Assert.That(result.Error, Does.Contain("the disk is full"));
        Shell.Get(
            $"cd '{image.Root}' && for i in $(seq 1 20); do if [ -e f$i ]; then cat f$i; else zstdcat f$i.zst; fi | "
            + $"sha256sum | cut -c1-64; done | diff - <(cut -c1-64 <(sort -k2.2n '{_folder.Path}/sums' | "
            + "sed 's/ f/ /' | sort -k2n))");
    }

    [TestCase("for i in range(17): os.link('f', '%02d' % i + 'm' * 252)")]
    [TestCase("os.rename('f', 'm' * 254); f = 'm' * 254")]
    public void NameWithoutRoomAmongTheAttributes_IsToldAsThat(string names)
    {
        using LoopImage image = LoopImage.Create("ext4", 64);
        Shell.Get(
            $"""
            cd '{image.Root}' && seq 1000 > f && python3 - <<'END'
            import os
            f = "f"
            {names}
            size = 5000
            while size > 0 and f != "f":
                try: os.setxattr(f, "user.full", b"x" * size); break
                except OSError: size -= 1
            END
            """);
        ShellResult result = ToolFolder.Require(8, $"convert '{image.Root}'");
        Assert.That(result.Error, Does.Match("left: .[^ ]+.: among its extended attributes there is no room")
            .And.Not.Contain("disk is full"));
        Assert.That(
            Shell.Get($"cd '{image.Root}' && cat m* 0* f 2> /dev/null | sort -u | wc -l; ls | grep -c zst$ || :"),
            Is.EqualTo("1000\n0"));
    }

    [Test]
    public void DryRun_ChangesNothingAndTellsByType()
    {
        _folder.MakeMixed();
        string before = ToolFolder.Manifest(_folder.Tree);
        ShellResult result = ToolFolder.Require(0, $"convert --dry-run '{_folder.Tree}'");
        Assert.That(result.Output, Does.Contain("type").And.Contain(".txt").And.Contain("all"));
        ToolFolder.Require(0, $"convert --dry-run --json '{_folder.Tree}'");
        Assert.That(ToolFolder.Manifest(_folder.Tree), Is.EqualTo(before));
    }

    [Test]
    public void LiveMount_IsBusy()
    {
        using MountedFolder mounted = MountedFolder.Create(prepare: source =>
            Shell.Get($"echo a > '{source}/x'; echo b | zstd -q > '{source}/y.zst'"));
        foreach (string command in new[] { "convert", "convert --revert", "recompress --level 9" })
        {
            ShellResult result = ToolFolder.Require(6, $"{command} '{mounted.Source}'");
            Assert.That(result.Error.TrimEnd('\n'), Does.Contain("unmount").And.Not.Contain("\n"));
            result = ToolFolder.Require(6, $"{command} '{mounted.Mount}'");
            Assert.That(result.Error.TrimEnd('\n'), Does.Contain("mount").And.Not.Contain("\n"));
        }
        Assert.That(Shell.Get($"ls '{mounted.Source}'"), Is.EqualTo("x\ny.zst"));
    }
}
