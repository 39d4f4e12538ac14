using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Passthrough;

/// <summary>
/// Files that the kernel serves by itself: nobody hears of what is written to them, RELEASE is not the end of it, and
/// nothing of it may be lost.
/// </summary>
[TestFixtureSource(nameof(FileSystems))]
[CancelAfter(180_000)]
internal sealed class PassthroughTests(string type) : MountOnImageTests(type, 1024)
{
    private static readonly string[] FileSystems = ["ext4", "xfs", "btrfs", "tmpfs"];

    private void Run(string script) => LentFile.Run(Folder, script);

    /// <summary>What the last script left in "f" is there after another mount too.</summary>
    private void AssertStaysAfterRemount()
    {
        string before = Shell.Get($"cd '{Folder.Mount}' && sha256sum f && stat -c '%s %y' f");
        Folder.Remount();
        Assert.That(Shell.Get($"cd '{Folder.Mount}' && sha256sum f && stat -c '%s %y' f"), Is.EqualTo(before));
        Assert.That(Shell.Get($"ls -A '{Folder.Source}/.zstdfs/working'"), Is.Empty);
    }

    [Test]
    public void WhatIsDoneToIt_IsSeenAtOnce_AndCommittedAfterTheLastClose()
    {
        Run("""
            fd = lend(CONTENT)
            other = os.open("f", os.O_RDONLY)
            expected = bytearray(CONTENT)
            def put(at, data):
                assert os.pwrite(fd, data, at) == len(data)
                expected.extend(bytes(max(0, at - len(expected))))
                expected[at:at + len(data)] = data
            def check():
                assert os.stat("f").st_size == os.fstat(fd).st_size == len(expected)
                assert os.pread(other, len(expected) + 1, 0) == bytes(expected)
                assert os.pread(fd, len(expected) + 1, 0) == bytes(expected)
            put(1_000_000, b"in the middle"); check()
            put(len(CONTENT) - 3, b"over the end"); check()
            put(len(CONTENT) + 3_000_000, b"behind a hole")
            assert os.lseek(fd, len(CONTENT) + 100_000, os.SEEK_DATA) > len(CONTENT) + 100_000
            check()
            os.ftruncate(fd, 700_001); del expected[700_001:]; check()
            os.truncate("f", 900_000); expected.extend(bytes(900_000 - len(expected))); check()
            os.posix_fallocate(fd, 0, 950_000); expected.extend(bytes(950_000 - len(expected))); check()
            subprocess.run(["fallocate", "-p", "-o", "4096", "-l", "200000", "f"], check=True)
            expected[4096:204096] = bytes(200_000); check()
            source = os.open("g", os.O_RDWR | os.O_CREAT); os.write(source, b"copied " * 20000)
            assert os.copy_file_range(source, fd, 100_000, 7, 500_000) == 100_000
            expected[500_000:600_000] = (b"copied " * 20000)[7:100_007]; check()
            assert os.copy_file_range(fd, source, 100_000, 500_000, 0) == 100_000
            assert os.pread(source, 100_000, 0) == expected[500_000:600_000]
            os.utime("f", ns=(10**18, 10**18 + 5)); assert os.stat("f").st_mtime_ns == 10**18 + 5
            put(3, b"later"); assert abs(os.stat("f").st_mtime - time.time()) < 60
            put(len(CONTENT) + 1_000_000, b"far behind " * 1000)
            assert os.copy_file_range(fd, source, 11_000, len(CONTENT) + 1_000_000, 0) == 11_000
            assert os.pread(source, 11_000, 0) == b"far behind " * 1000
            time.sleep(1.1)
            assert is_lent("f") and working()
            modified = os.stat("f").st_mtime_ns
            os.close(fd); os.close(other)
            wait_for(lambda: not status()["pending_files"])
            assert stored() == bytes(expected)
            assert os.stat("f").st_mtime_ns == modified == os.stat(SOURCE + "/f.zst").st_mtime_ns
            assert open("f", "rb").read() == bytes(expected), "the kernel kept pages from before"
            """);
        AssertStaysAfterRemount();
    }

    [Test]
    public void MappingThatOutlivesTheClose_KeepsItsFile()
    {
        Run("""
            fd = lend(CONTENT)
            m = Mapping(fd)
            os.close(fd)
            m[5:10] = b"first"
            time.sleep(1.5)
            # The commit that would have thrown the working copy away was due by now.
            assert is_lent("f") and working()
            sync()
            assert stored()[5:10] == b"first"
            m[1_000_000:1_000_006] = b"second"
            with open("f", "rb") as f: assert f.read() == bytes(m)
            with open("f", "r+b") as f: f.seek(17); f.write(b"third")
            assert m[17:22] == b"third"
            os.rename("f", "g")
            m[2_000_000:2_000_006] = b"fourth"
            m.flush()
            busy = subprocess.run([PROGRAM, "unmount", MOUNT], cwd="/", stderr=subprocess.PIPE)
            assert busy.returncode == 6, busy
            expected = bytes(m)
            m.close()
            wait_for(lambda: not status()["pending_files"])
            assert stored("g") == expected and expected[2_000_000:2_000_006] == b"fourth"
            os.rename("g", "f")
            """);
        AssertStaysAfterRemount();
    }

    [Test]
    public void DaemonKilled_WhatWasWrittenBeforeAndAfter_IsCommittedByTheNextMount([Values] bool synced)
    {
        Run($$"""
            fd = lend(CONTENT)
            expected = bytearray(CONTENT)
            os.pwrite(fd, b"before", 100); expected[100:106] = b"before"
            if {{(synced ? 1 : 0)}}: sync(); assert stored()[100:106] == b"before"
            m = Mapping(fd)
            kill_daemon()
            # This is the kernel's own doing, and shows that it is.
            os.pwrite(fd, b"after", 300_000); expected[300_000:300_005] = b"after"
            m[1_500_000:1_500_006] = b"mapped"; expected[1_500_000:1_500_006] = b"mapped"
            refused(errno.ENOTCONN, os.fsync, fd)
            open(SOURCE + "/../expected", "wb").write(expected)
            """);
        Folder.Crash();
        Folder.Start();
        Shell.Get($"""
            cmp '{Folder.Mount}/f' '{Folder.Source}/../expected'
            '{TestMachine.Program(ShellUser.Same)}' sync '{Folder.Mount}' &&
                zstd -qdc '{Folder.Source}/f.zst' | cmp - '{Folder.Source}/../expected'
            """);
        AssertStaysAfterRemount();
    }

    [Test]
    public void KilledBetweenACommitAndItsNote_WhatCameAfterTheCommitIsNotTakenForCommitted()
    {
        Run("""
            fd = lend(CONTENT)
            os.pwrite(fd, b"committed", 0)
            sync()
            assert stored()[:9] == b"committed"
            os.pwrite(fd, b"and later", 9)
            kill_daemon()
            try: os.close(fd)
            except OSError: pass
            # As the commit leaves it when the name leads to the new version already: over the base before, and
            # committed into this one.
            copy = f"{SOURCE}/.zstdfs/working/{working()[0]}"
            record = bytearray(os.getxattr(copy, "user.zstdfs.working"))
            assert len(record) == 80 and record[3] == 4, bytes(record)
            record[16:24] = (12345).to_bytes(8, "little")
            record[64:72] = os.stat(SOURCE + "/f.zst").st_ino.to_bytes(8, "little")
            record[4:8] = bytes(4)
            crc = 0xFFFFFFFF
            for byte in record:
                crc ^= byte
                for bit in range(8): crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
            record[4:8] = (crc ^ 0xFFFFFFFF).to_bytes(4, "little")
            os.setxattr(copy, "user.zstdfs.working", bytes(record))
            """);
        Folder.Crash();
        Folder.Start();
        Assert.That(Shell.Get($"head -c 18 '{Folder.Mount}/f'"), Is.EqualTo("committedand later"));
        AssertStaysAfterRemount();
    }

    [Test]
    public void StillMappedWhenTheNextMountBegins_ItKeepsItsFileUntilItIsNot()
    {
        Run("""
            fd = lend(CONTENT)
            m = Mapping(fd)
            os.close(fd)
            kill_daemon()
            os.chdir("/")
            # Nothing else takes away a dead mount that somebody uses.
            subprocess.run(["umount", "-l", MOUNT], check=True)
            m[10:14] = b"dead"
            subprocess.run([PROGRAM, "mount", SOURCE, MOUNT], check=True)
            os.chdir(MOUNT)
            assert open("f", "rb").read() == bytes(m)
            m[20:26] = b"undead"
            time.sleep(1.5)
            with open("f", "r+b") as f: f.seek(30); f.write(b"living")
            assert open("f", "rb").read() == bytes(m) and m[30:36] == b"living"
            sync()
            m[40:44] = b"last"
            expected = bytes(m)
            m.close()
            wait_for(lambda: not status()["pending_files"])
            assert stored() == open("f", "rb").read() == expected
            os.chdir("/")
            subprocess.run([PROGRAM, "unmount", MOUNT], check=True)
            """);
        Folder.Kill();
        Folder.Start();
        AssertStaysAfterRemount();
    }

    [Test]
    public void ToWrite_OnlyWhatASyncHasSecured()
    {
        Run("""
            fd = lend(CONTENT, os.O_RDONLY, synced=False)
            assert not any(name.endswith(".synced") for name in working())
            # There is one way to the file for all: who writes by it waits for the sync that was not made.
            other = os.open("f", os.O_RDWR | os.O_DSYNC)
            assert any(name.endswith(".synced") for name in working())
            os.pwrite(other, b"durable", 0)
            assert os.pread(fd, 7, 0) == b"durable"
            os.close(fd); os.close(other)
            for i in range(2): write_whole("g", CONTENT, synced=False)
            with open("g", "r+b"): assert not is_lent("g")
            """);
    }

    [Test]
    public void SetIdBits_AndItAreNotForOneFile()
    {
        Run("""
            fd = lend(CONTENT)
            refused(errno.ETXTBSY, os.chmod, "f", 0o4755)
            os.chmod("f", 0o755)
            os.close(fd)
            os.chmod("f", 0o4755)
            fd = lend(CONTENT, os.O_RDONLY, name="read")
            os.chmod("read", 0o4755)
            os.close(fd)
            wait_for(lambda: not status()["pending_files"])
            assert os.stat(SOURCE + "/read.zst").st_mode & 0o7777 == 0o4755
            for i in range(2):
                with open("f", "r+b") as f: f.truncate(0); f.write(CONTENT); os.fsync(f.fileno())
                os.chmod("f", 0o4755)
            with open("f", "rb"): assert not is_lent("f")
            """);
    }

    [Test]
    public void Deleted_ItLastsAsLongAsItIsOpenOrMapped_AndLeavesNothing([Values] bool replaced)
    {
        Run($$"""
            fd = lend(CONTENT)
            if {{(replaced ? 1 : 0)}}: write_whole("g", b"other"); os.rename("g", "f")
            else: os.unlink("f")
            os.pwrite(fd, b"still here", 0)
            assert os.pread(fd, len(CONTENT), 0) == b"still here" + CONTENT[10:]
            assert os.fstat(fd).st_size == len(CONTENT) and os.fstat(fd).st_nlink == 0
            m = Mapping(fd)
            os.close(fd)
            time.sleep(1.5)
            m[10:20] = b"and mapped"
            assert m[:20] == b"still hereand mapped" and m[-5:] == CONTENT[-5:]
            m.close()
            wait_for(lambda: not working())
            sync()
            assert os.path.exists("f") == bool({{(replaced ? 1 : 0)}})
            """);
        Folder.Remount();
        Assert.That(
            Shell.Get($"ls -A '{Folder.Source}/.zstdfs/working'; find '{Folder.Mount}' -type f -exec cat {{}} +"),
            Is.EqualTo(replaced ? "other" : ""));
    }

    [Test]
    public void DiskFull_IsToldByTheKernel_AndWhatIsThereIsCommitted()
    {
        Run("""
            fd = lend(CONTENT)
            block = random.Random(2).randbytes(1 << 20)
            at = 0
            try:
                while True: at += os.pwrite(fd, block, at)
            except OSError as e: assert e.errno == errno.ENOSPC, e
            assert at > 100 << 20
            os.ftruncate(fd, 50 << 20)
            os.close(fd)
            wait_for(lambda: not status()["pending_files"])
            assert stored() == block * 50
            """);
        AssertStaysAfterRemount();
    }

    [Test]
    public void DiskFull_WhatFitsCompressed_IsCommitted()
    {
        Run("""
            fd = lend(CONTENT)
            block = b"".join(b"%d compresses well, " % number
                for number in random.Random(3).choices(range(1000), k=60_000))[:1 << 20]
            at = 0
            try:
                while True: at += os.pwrite(fd, block, at)
            except OSError as e: assert e.errno == errno.ENOSPC, e
            size = os.fstat(fd).st_size
            os.close(fd)
            wait_for(lambda: not status()["pending_files"], 90)
            assert os.stat("f").st_size == size > 300 << 20
            assert subprocess.run(f"zstd -qdc '{SOURCE}/f.zst' | cmp - f", shell=True).returncode == 0
            with open("f", "rb") as f:
                while size:
                    assert f.read(1 << 20) == block[:size]
                    size -= min(size, 1 << 20)
            """);
        AssertStaysAfterRemount();
    }

    [Test]
    public void MadeImmutableByOneWhoOpensItToRead_ItIsCommittedBefore()
    {
        Run("""
            for i in range(2): write_whole("f", CONTENT)
            subprocess.run(["chattr", "+i", "f"], check=True)
            try:
                sync()
                assert stored() == CONTENT
                wait_for(lambda: not working())
            finally: subprocess.run(["chattr", "-i", "f"], check=True)
            fd = lend(CONTENT)
            os.pwrite(fd, b"written", 0)
            assert subprocess.run(["chattr", "+i", "f"], stderr=subprocess.DEVNULL).returncode != 0
            os.close(fd)
            # As soon as the kernel has let go of it.
            wait_for(lambda: subprocess.run(["chattr", "+i", "f"], stderr=subprocess.DEVNULL).returncode == 0, 5)
            try: sync(); assert stored() == b"written" + CONTENT[7:]
            finally: subprocess.run(["chattr", "-i", "f"], check=True)
            """);
        AssertStaysAfterRemount();
    }

    [Test]
    public void SparseAndLong_ACommitBesideItTakesNoLongerForIt()
    {
        Run("""
            fd = lend(CONTENT)
            os.ftruncate(fd, 20 << 30)
            begin = time.time()
            sync()
            assert time.time() - begin < 60, time.time() - begin
            os.ftruncate(fd, len(CONTENT))
            os.close(fd)
            sync()
            assert stored() == CONTENT
            """);
        AssertStaysAfterRemount();
    }

    [Test]
    public void VersionThatAnotherHasOpenInAnotherWay_IsNotServedSo()
    {
        Run("""
            write_whole("f", b"old " * 700_000)
            sync()
            reader = os.open("f", os.O_RDONLY)
            os.pread(reader, 100, 0)
            # In place: the same inode.
            subprocess.run(f"echo new | zstd -q > '{SOURCE}/../new' && cat '{SOURCE}/../new' > '{SOURCE}/f.zst'",
                shell=True, check=True)
            assert open("f").read() == "new\n"
            for attempt in range(3):
                for i in range(2): write_whole("f", CONTENT)
                with open("f", "r+b") as f: assert f.read() == CONTENT; assert not is_lent("f")
            os.close(reader)
            os.close(lend(CONTENT))
            """);
    }

    [Test]
    public void ChangedInPlaceInTheSource_OpensWaitUntilTheOldVersionIsClosed()
    {
        Run("""
            fd = lend(CONTENT)
            sync()
            subprocess.run(f"echo new | zstd -q > '{SOURCE}/../new' && cat '{SOURCE}/../new' > '{SOURCE}/f.zst'",
                shell=True, check=True)
            os.pwrite(fd, b"lost", 0)
            assert subprocess.run([PROGRAM, "sync", MOUNT]).returncode != 0
            refused(errno.EBUSY, os.open, "f", os.O_RDONLY)
            os.close(fd)
            wait_for(lambda: not any(f["path"] == "f" for f in status()["files"]))
            assert open("f").read() == "new\n"
            assert len(os.listdir(SOURCE + "/.zstdfs/lost")) == 1
            """);
    }

    [Test]
    public void ChangedInTheSourceMeanwhile_WhatWasWrittenIsKept()
    {
        Run("""
            fd = lend(CONTENT)
            os.pwrite(fd, b"written", 0)
            subprocess.run(f"echo other | zstd -q > '{SOURCE}/new.zst' && mv '{SOURCE}/new.zst' '{SOURCE}/f.zst'",
                shell=True, check=True)
            assert subprocess.run([PROGRAM, "sync", MOUNT]).returncode != 0
            os.pwrite(fd, b"later", 20)
            os.close(fd)
            time.sleep(1.2)
            assert open("f", "rb").read() == b"other\n"
            kept = os.listdir(SOURCE + "/.zstdfs/lost")
            assert len(kept) == 1
            assert open(SOURCE + "/.zstdfs/lost/"
                + kept[0], "rb").read() == b"written" + CONTENT[7:20] + b"later" + CONTENT[25:]
            """);
    }

    [Test]
    public void HeldOpenByProcessesWithOtherRoutes_EachSeesTheOthers()
    {
        Run("""
            fd = lend(CONTENT)
            # O_TRUNC, O_APPEND and O_DIRECT by others, while it is open.
            subprocess.run("printf appended >> f", shell=True, check=True)
            assert os.fstat(fd).st_size == len(CONTENT) + 8 and os.pread(fd, 8, len(CONTENT)) == b"appended"
            subprocess.run("dd if=f of=g bs=4096 iflag=direct status=none; cmp f g", shell=True, check=True)
            subprocess.run("printf new > f", shell=True, check=True)
            assert os.pread(fd, 100, 0) == b"new"
            os.pwrite(fd, b"er", 3)
            assert open("f").read() == "newer"
            os.close(fd)
            sync()
            assert stored() == b"newer"
            """);
        AssertStaysAfterRemount();
    }
}
