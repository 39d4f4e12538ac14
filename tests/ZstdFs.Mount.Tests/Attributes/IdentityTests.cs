using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Attributes;

/// <summary>Inode numbers: the same for as long as a file lives, and never those of two.</summary>
[TestFixture]
internal sealed class IdentityTests
{
    private const string Numbers = "find . -printf '%i %P\\n' | sort -k2";

    [Test]
    public void Numbers_StayThroughEveryKindOfRewrite_Remount_AndKill()
    {
        using MountedFolder folder = MountedFolder.Create(prepare: source => Shell.Get(
            $"cd '{source}' && mkdir found && for i in 1 2 3; do seq $i 100000 | zstd -q > found/$i.zst; done && "
            + "ln found/3.zst found/also3.zst"));
        Shell.Get(
            $"cd '{folder.Mount}' && mkdir -p made/d && for i in 1 2 3; do seq $i 100000 > made/$i; done && "
            + "ln made/3 made/also3 && ln -s 1 made/link && mkfifo made/fifo");
        string numbers = Shell.Get($"cd '{folder.Mount}' && {Numbers}");
        string[] changes =
        [
            "echo more | tee -a */[123] > /dev/null", "for f in */[123]; do seq 7 > $f; done", "truncate -s 5M */[123]",
                "for f in */[123]; do printf x | dd of=$f bs=1 seek=99 conv=notrunc status=none; done",
            "chmod 600 */[123]; touch */[123]",
                "for f in */[123]; do mv $f $f.t && mv $f.t $f; done; mv made/d d2 && mv d2 made/d",
            "python3 -c 'import mmap, os\nfor d in \"made\", \"found\":\n f = os.open(d + \"/1\", os.O_RDWR); "
            + "m = mmap.mmap(f, 100); m[5:9] = b\"mmap\"; m.flush()'",
        ];
        foreach (string change in changes)
        {
            Shell.Get($"cd '{folder.Mount}' && {change}");
            Assert.That(Shell.Get($"cd '{folder.Mount}' && {Numbers}"), Is.EqualTo(numbers), change);
            folder.Remount();
            Assert.That(Shell.Get($"cd '{folder.Mount}' && {Numbers}"), Is.EqualTo(numbers), change + ", remounted");
        }
        Shell.Get($"cd '{folder.Mount}' && for f in */[123]; do seq 1000000 > $f; done");
        folder.Crash();
        folder.Start();
        Assert.That(Shell.Get($"cd '{folder.Mount}' && {Numbers}"), Is.EqualTo(numbers), "after a kill");
        Assert.That(Shell.Get($"cd '{folder.Mount}' && sha256sum */[123] | cut -d' ' -f1 | sort -u | wc -l"),
            Is.EqualTo("1"));
        folder.Unmount();
    }

    [Test]
    public void Listing_ShowsTheNumbersThatStatDoes()
    {
        using MountedFolder folder = MountedFolder.Create(prepare: source =>
            Shell.Get($"cd '{source}' && mkdir d && echo x | zstd -q > d/f.zst && ln -s f d/l"));
        Shell.Get(
            $"cd '{folder.Mount}/d' && echo y > g && python3 -c 'import os\n"
            + "for e in os.scandir(\".\"): assert e.inode() == os.lstat(e.name).st_ino, e.name' && "
            + $"[ \"$(ls -ai | awk '$2 == \".\" {{print $1}}')\" = $(stat -c %i .) ]");
        folder.Unmount();
    }

    [Test]
    public void KilledDaemons_NeverGiveANumberTwice()
    {
        using MountedFolder folder = MountedFolder.Create();
        var seen = new HashSet<string>();
        for (int round = 0; round < 6; round++)
        {
            string made = Shell.Get(
                $"cd '{folder.Mount}' && mkdir r{round} && for i in $(seq 50); do echo $i > r{round}/$i; done && "
                + $"stat -c %i r{round}/*");
            Assert.That(made.Split('\n').All(seen.Add), Is.True, "a number was given again");
            Shell.Get($"cd '{folder.Mount}' && rm r{round}/*[13579]");
            folder.Crash();
            folder.Start();
        }
        folder.Unmount();
    }

    // Creates and writes the numbers down until the mount is gone.
    private const string Creator =
        """
        import os, sys
        os.mkdir(sys.argv[1])
        with open(sys.argv[2], "w", buffering=1) as numbers:
            try:
                for i in range(1 << 20):
                    file = os.open("%s/%d" % (sys.argv[1], i), os.O_CREAT | os.O_WRONLY)
                    numbers.write("%d\n" % os.fstat(file).st_ino)
                    os.close(file)
            except OSError: pass
        """;

    [TestCase(3)]
    [TestCase(12, Category = "Long")]
    public void KilledWhileTheNextBlockOfNumbersIsReserved_NoneIsGivenTwice(int kills)
    {
        const int half = 1 << 15; // of a block: then the next is reserved
        using MountedFolder folder = MountedFolder.Create();
        var seen = new HashSet<string>();
        var random = new Random(kills);
        string log = folder.Source + "-numbers", creator = folder.Source + "-creator";
        File.WriteAllText(creator, Creator);
        for (int round = 0; round < kills; round++)
        {
            // Some die with their first numbers, or before.
            int most = round % 3 == 0 ? random.Next(50) : half - 20 + random.Next(60);
            using var process = System.Diagnostics.Process.Start("python3", [creator, $"{folder.Mount}/r{round}", log]);
            Assert.That(
                Waiting.For(() => File.Exists(log) && new FileInfo(log).Length / 17 >= most, TimeSpan.FromMinutes(1)),
                Is.True, "it creates");
            folder.Kill();
            Assert.That(process.WaitForExit(Patience.For(TimeSpan.FromSeconds(20))), Is.True);
            folder.Crash();
            string[] given = [.. File.ReadLines(log)];
            Assert.That(given.Where(number => !seen.Add(number)), Is.Empty, "given again");
            // The next mount cannot learn of them from the files.
            Shell.Get($"rm -rf '{folder.Source}/r{round}' '{log}'");
            folder.Start();
        }
        folder.Unmount();
    }

    [Test]
    public void LostState_KeepsTheFilesNumbers_AndGivesOthers()
    {
        using MountedFolder folder = MountedFolder.Create();
        string before =
            Shell.Get($"cd '{folder.Mount}' && for i in $(seq 50); do echo $i > $i; done && stat -c '%i %n' *");
        folder.Unmount();
        Shell.Get($"rm -r '{folder.Source}/.zstdfs'");
        folder.Start();
        Assert.That(Shell.Get($"cd '{folder.Mount}' && stat -c '%i %n' *"), Is.EqualTo(before));
        Assert.That(
            Shell.Get(
                $"cd '{folder.Mount}' && for i in $(seq 51 100); do echo $i > $i; done && "
                + "stat -c %i * | sort -u | wc -l"),
            Is.EqualTo("100"));
        folder.Unmount();
    }

    // Copies that carry the record of the file that they were made from.
    private static readonly string[] Copies =
    [
        "cp -a --preserve=xattr f.zst copy.zst", "rsync -aX f.zst copy.zst",
            "cp --reflink=auto -p --preserve=xattr f.zst copy.zst",
        "cp -a f.zst t && mv t copy.zst",
            "tar --xattrs --xattrs-include='*' -cf t f.zst && mkdir u && "
            + "tar --xattrs --xattrs-include='*' -C u -xf t && mv u/f.zst copy.zst && rm -r t u",
        ": > copy.zst && cat f.zst > copy.zst && getfattr -d -m - -e hex f.zst | sed 's/f.zst/copy.zst/' | "
        + "setfattr --restore=-",
    ];

    [Test]
    public void CopyMadeWithItsAttributes_IsAFileOfItsOwn([ValueSource(nameof(Copies))] string copy,
        [Values("", "/other")] string place)
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"cd '{folder.Mount}' && mkdir other && seq 200000 > f");
        string number = Shell.Get($"stat -c %i '{folder.Mount}/f'");
        Shell.Get($"cd '{folder.Source}' && {copy}" + (place.Length > 0 ? $" && mv copy.zst .{place}/" : ""));
        AssertApart("at first sight");
        folder.Remount();
        AssertApart("after a remount");
        Shell.Get($"cd '{folder.Mount}' && echo end >> f && echo another >> .{place}/copy");
        folder.Remount();
        Shell.Get(
            $"cd '{folder.Mount}' && cmp f <(seq 200000; echo end) && cmp .{place}/copy <(seq 200000; echo another)");
        Assert.That(
            Shell.Get($"cd '{folder.Mount}' && [ $(stat -c %i f) != $(stat -c %i .{place}/copy) ] && stat -c %i f"),
            Is.EqualTo(number));
        folder.Unmount();

        void AssertApart(string when)
        {
            Assert.That(Waiting.For(() => File.Exists($"{folder.Mount}{place}/copy"), TimeSpan.FromSeconds(3)), when);
            string[] numbers =
                Shell.Get(
                    $"cd '{folder.Mount}' && stat -c %i f .{place}/copy && cmp f .{place}/copy && cmp f <(seq 200000)")
                    .Split('\n');
            Assert.That(numbers[0], Is.EqualTo(number), when);
            Assert.That(numbers[1], Is.Not.EqualTo(number), when);
        }
    }

    [Test]
    public void CopyMadeWhileTheFileIsOpenAndDirty_IsAFileOfItsOwn([Values(100, 3_000_000)] int size)
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["--cache-timeout=0"] });
        Shell.Get($$"""
            cd '{{folder.Mount}}' && python3 - <<'END'
            import os, subprocess
            size, source = {{size}}, '{{folder.Source}}'
            # Begun before the file is opened: a fork would close it, which commits it.
            copier = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=source, text=True,
                bufsize=1)
            with open("f", "wb") as f: f.write(b"a" * size)
            subprocess.run(["{{TestMachine.Program(ShellUser.Same)}}", "sync", "."], check=True)
            one = os.open("f", os.O_RDWR)
            os.pwrite(one, b"b", 0)
            copier.stdin.write("cp -a f.zst copy.zst && echo done\n")
            assert copier.stdout.readline() == "done\n"
            two = os.open("copy", os.O_RDWR)
            assert os.fstat(one).st_ino != os.fstat(two).st_ino
            assert os.pread(two, 2, 0) == b"aa" and os.pread(one, 2, 0) == b"ba"
            os.pwrite(two, b"c", size - 1)
            assert os.pread(one, 2, size - 2) == b"aa"
            os.close(one)
            assert os.pread(two, 2, 0) == b"aa" and os.stat("f").st_ino != os.stat("copy").st_ino
            os.close(two)
            END
            """);
        folder.Remount();
        Shell.Get(
            $"cd '{folder.Mount}' && python3 -c 'a = b\"a\" * {size}; "
            + "assert open(\"f\", \"rb\").read() == b\"b\" + a[1:] and open(\"copy\", \"rb\").read() == a[1:] + "
            + "b\"c\"' && [ $(stat -c %i f) != $(stat -c %i copy) ]");
        folder.Unmount();
    }

    [Test]
    public void CopyFoundByRecovery_IsNotTakenForTheFile()
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"cd '{folder.Mount}' && mkdir a b && seq 600000 > b/f");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        // Not by the shell, which closes the file when it is empty. The commit thread takes a file up after its last
        // close: on a busy machine before a kill that comes after that.
        Shell.Get($$"""
            cd '{{folder.Mount}}' && python3 - <<'END'
            import os, signal
            other = os.open("b/f", os.O_WRONLY)
            with open("b/f", "w") as f: f.write("".join("%d\n" % i for i in range(5, 700001)))
            os.kill({{folder.Daemon.ProcessId}}, signal.SIGKILL)
            END
            """);
        folder.Crash();
        // The hint leads nowhere, and a copy with the file's own record is met first.
        Shell.Get($"cd '{folder.Source}' && ls .zstdfs/working | grep -q . && cp -a b/f.zst a/copy.zst && mv b c");
        folder.Start();
        Shell.Get($"cmp '{folder.Mount}/c/f' <(seq 5 700000) && cmp '{folder.Mount}/a/copy' <(seq 600000)");
        folder.Unmount();
    }
}
