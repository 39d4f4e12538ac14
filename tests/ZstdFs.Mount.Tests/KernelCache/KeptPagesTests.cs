using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.KernelCache;

/// <summary>
/// What the kernel keeps of a file: all of it over what is done through the mount, none of it once somebody changed the
/// file in the source.
/// </summary>
internal sealed class KeptPagesTests
{
    private const int Pages = 2048, PageBytes = 4096;
    private const string KeepsPagesAfterWrites = "a kernel that keeps pages after a write";

    // How many pages of a file the kernel has, which asks the daemon nothing.
    private static readonly string Count = $$"""
        import ctypes, mmap, os, shutil, subprocess, time
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
        def kept(file, size={{Pages * PageBytes}}):
            pages = ctypes.create_string_buffer(size // {{PageBytes}})
            assert libc.mincore(libc.mmap(None, size, 1, 1, file, 0), size, pages) == 0
            return sum(page & 1 for page in pages.raw)
        """;

    [TestCase("printf changed | dd of=f bs=1 seek=5000000 conv=notrunc status=none && stat f", KeepsPagesAfterWrites,
        TestName = "{m}(write in the middle)")]
    [TestCase("head -c 100000 /dev/urandom >> f && stat f", KeepsPagesAfterWrites, TestName = "{m}(append)")]
    [TestCase("touch f && stat f", TestName = "{m}(touch)")]
    [TestCase(
        "printf changed | dd of=f bs=1 seek=5000000 conv=notrunc status=none && touch -d '2001-02-03' f && "
        + "ZSTDFS sync . && stat f",
        TestName = "{m}(commit)")]
    [TestCase("ln -f f g && mv f h && mv h f && chmod 600 g && stat f g", TestName = "{m}(names and mode)")]
    public void WhatIsDoneThroughTheMount_LeavesThem(string act, string needs = "")
    {
        // Older kernels leave the pages as they were when a program writes with O_DIRECT. There the mount has them
        // dropped after any write.
        if (needs == KeepsPagesAfterWrites && Environment.OSVersion.Version < new Version(6, 6))
            TestMachine.CannotRun("pages that stay after a write need Linux 6.6");
        using MountedFolder folder = Prepare();
        Shell.Get($"""
            cd '{folder.Mount}' && python3 - <<'END'
            {Count}
            # A file of the same length that is no file of the mount.
            control = shutil.copyfile("f", "{folder.Source}-control")
            def attempt():
                for name in ("f", control):
                    with open(name, "rb") as file: file.read()
                subprocess.run({Quoted(act)}, shell=True, check=True, stdout=subprocess.DEVNULL)
                return [kept(os.open(name, os.O_RDONLY)) for name in ("f", control)]
            # The kernel may reclaim cold memory any time. Then it takes the pages of the other file as well.
            # And RELEASE comes some time after close(2): until then an open beside the writer is direct.
            seen = []
            for _ in range(5):
                seen.append(attempt())
                if seen[-1][0] > {Pages / 2}: break
            else:
                assert any(of_control <= {Pages / 2} for _, of_control in seen), seen
            os.unlink(control)
            END
            """);
        Shell.Get($"cd '{folder.Mount}' && cp f g2");
        folder.Remount();
        Shell.Get($"cmp '{folder.Mount}/g2' '{folder.Mount}/f'");
    }

    [Test]
    public void ChangedInPlaceInTheSource_AreGone_ThoughSomebodyHasTheOldVersionOpen([Values(0, 1)] int timeoutSeconds)
    {
        using MountedFolder folder = Prepare($"--cache-timeout={timeoutSeconds}");
        Shell.Get($$"""
            cd '{{folder.Mount}}' && cp f old && seq 1000000 2000000 > new && zstd -q new -o ../new.zst &&
                python3 - <<'END'
            import mmap, os, subprocess, time
            old, new = open("old", "rb").read(), open("new", "rb").read()
            reader = os.open("f", os.O_RDONLY)
            assert os.pread(reader, len(old), 0) == old
            subprocess.run("cat ../new.zst > '{{folder.Source}}/f.zst'", shell=True, check=True)
            for i in range(3):
                # At the next open always, whatever the kernel was told for those who had it open before.
                with open("f", "rb") as f:
                    assert os.fstat(f.fileno()).st_size == len(new)
                    assert f.read() == new, i
                    assert mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[-100:] == new[-100:]
                try: os.pread(reader, 1_000_000, i * 1_000_000)
                except OSError: pass
            END
            """);
    }

    [Test]
    public void ChangedInPlaceInTheSource_AreGoneOnceSomebodyLooks([Values("stat", "list", "statx")] string look)
    {
        using MountedFolder folder = Prepare();
        string act = look switch { "stat" => "stat f", "list" => "ls -l", _ => "stat -c %w f" };
        Shell.Get($"""
            cd '{folder.Mount}' && python3 - <<'END'
            {Count}
            reader = os.open("f", os.O_RDONLY)
            size = os.fstat(reader).st_size
            os.pread(reader, size, 0)
            before = kept(reader)
            # As long as before. What the one who has it open gets from now on is not defined, but it must not be shown
            # as the new version's.
            subprocess.run(
                "head -c %d /dev/zero | zstd -q > ../zeros.zst && cat ../zeros.zst > '{folder.Source}/f.zst'" % size,
                shell=True, check=True)
            time.sleep(1.1)
            subprocess.run({Quoted(act)}, shell=True, check=True, stdout=subprocess.DEVNULL)
            assert before > {Pages / 2} and kept(reader) == 0, (before, kept(reader))
            END
            """);
        Shell.Get($"cmp '{folder.Mount}/f' <(head -c $(stat -c %s '{folder.Mount}/f') /dev/zero)");
    }

    [Test]
    public void TouchedRightAfterAChangeInTheSource_AreGone_ThoughSomebodyHasTheOldVersionOpen()
    {
        using MountedFolder folder = Prepare();
        Shell.Get($$"""
            cd '{{folder.Mount}}' && python3 - <<'END'
            import os, subprocess
            old = open("f", "rb").read()
            reader = os.open("f", os.O_RDONLY)
            # Neither looks the file up again nor opens it: as far as the kernel knows, it is the one that it has kept.
            subprocess.run("echo more | zstd -q >> '{{folder.Source}}/f.zst'", shell=True, check=True)
            os.utime(reader)
            for i in range(2):
                assert open("f", "rb").read() == old + b"more\n", i
                if i == 0: os.close(reader)
            END
            """);
        folder.Remount();
        Assert.That(Shell.Get($"tail -c 5 '{folder.Mount}/f'"), Is.EqualTo("more"));
    }

    [Test]
    public void EarlierVersionPutBackInTheSource_IsReadAsItIs_ThoughSomebodyReadsTheLaterOne()
    {
        using MountedFolder folder = Prepare();
        Shell.Get($$"""
            cd '{{folder.Mount}}' && python3 - <<'END'
            import os, subprocess
            earlier = open("f", "rb").read()
            # With its extended attributes: the same file as far as the mount can tell.
            subprocess.run("cp -a '{{folder.Source}}/f.zst' ../earlier.zst", shell=True, check=True)
            later = earlier[::-1]
            with open("f", "r+b") as f:
                f.write(later)
                os.fsync(f.fileno())
            subprocess.run(["{{TestMachine.Program(ShellUser.Same)}}", "sync", "."], check=True)
            reader = os.open("f", os.O_RDONLY)
            half = len(later) // 2
            for name in ["f", "f", "f"]:
                subprocess.run("cp -a ../earlier.zst ../put-back.zst && mv ../put-back.zst '{{folder.Source}}/f.zst'",
                    shell=True, check=True)
                open(name).close()
                os.posix_fadvise(reader, 0, 0, os.POSIX_FADV_DONTNEED)
                assert os.pread(reader, half, half) == later[half:]
                assert open(name, "rb").read() == earlier
            END
            """);
    }

    [Test]
    public void PlainFileThatGrowsInTheSource_IsReadAndMappedToItsEnd()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["--plain=show"] },
            source => File.WriteAllText(source + "/log", "begin\n"));
        Shell.Get($$"""
            cd '{{folder.Mount}}' && python3 - <<'END'
            import mmap, os, time
            reader = os.open("log", os.O_RDONLY)
            text = os.pread(reader, 100000, 0)
            for i in range(3):
                added = b"%d " % i * 5000
                with open('{{folder.Source}}/log', "ab") as log: log.write(added)
                text += added
                time.sleep(1.1)
                assert os.fstat(reader).st_size == len(text)
                assert mmap.mmap(reader, 0, prot=mmap.PROT_READ)[:] == text
                assert os.pread(reader, 100000, 0) == text
            END
            """);
    }

    private static MountedFolder Prepare(string? option = null)
    {
        var folder = MountedFolder.Create(new MountSetup { Options = option is null ? [] : [option] });
        Shell.Get(
            $"cd '{folder.Mount}' && seq 1000000 > f && truncate -s {Pages * PageBytes / 2} f && "
            + $"head -c {Pages * PageBytes / 2} /dev/urandom >> f && sync");
        folder.Remount();
        return folder;
    }

    private static string Quoted(string shell) =>
        $"\"\"\"{shell.Replace("ZSTDFS", $"'{TestMachine.Program(ShellUser.Same)}'", StringComparison.Ordinal)}\"\"\"";
}
