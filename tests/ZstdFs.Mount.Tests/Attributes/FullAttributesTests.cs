using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Attributes;

/// <summary>
/// Files whose extended attributes take all of the room that the source's file system has for them (ext4: what the
/// inode leaves, and one block). They are written, copied and converted like any other, and keep every attribute.
/// </summary>
[CancelAfter(120_000)]
internal sealed class FullAttributesTests
{
    private static readonly string[] Types = LoopImage.Types;

    private const string Library =
        """
        import errno, os, random, subprocess
        def noise(count, seed): return random.Random(seed).randbytes(count)
        def fill(path):
            # A small one, which would take the record's place in the inode of a copy; seven as they come; then whatever
            # still fits. Where the room has no end to speak of, a few.
            is_full = False
            for i, size in enumerate([24] + [558] * 7 + [400, 200, 100, 60, 30, 10, 1]):
                try: os.setxattr(path, f"user.full{i}", noise(size, i))
                except OSError as e:
                    assert e.errno == errno.ENOSPC, e
                    is_full = True
            return is_full
        # What the user sees: ours is not shown.
        def attributes(path):
            return {n: os.getxattr(path, n) for n in os.listxattr(path) if not n.startswith("user.zstdfs")}
        def put(path, content, flags, at=0):
            fd = os.open(path, flags, 0o644)
            while at < len(content): at += os.pwrite(fd, content[at:], at)
            os.close(fd)
        def read(path):
            with open(path, "rb") as f: return f.read()
        """;

    [TestCaseSource(nameof(Types))]
    public void File_IsRewrittenAndCopied(string type) => TryRewrites(type, ShellUser.Same);

    /// <summary>
    /// A found file that no record tells about. A commit moves it to another stored file; its inode in the source is
    /// given away again.
    /// </summary>
    [Test]
    public void FoundFile_IsOneFileAsLongAsTheMountLasts()
    {
        using MountedFolder folder = MountedFolder.Create(
            new MountSetup { SourceParent = SharedImages.Root("ext4") },
            source => Python(source,
                """
                subprocess.run("seq 100 | zstd -qo f.zst", shell=True, check=True)
                assert fill("f.zst")
                """));
        Python(folder.Mount,
            $$"""
            import time
            source = "{{folder.Source}}"
            own = os.stat(f"{source}/f.zst").st_ino
            number, born = os.stat("f").st_ino, subprocess.check_output(["stat", "-c", "%w", "f"])
            reader = os.open("f", os.O_RDONLY)
            for turn in range(3):
                content = noise(30_000, turn)
                put("f", content, os.O_WRONLY | os.O_TRUNC)
                time.sleep(1.2)
                assert os.stat("f").st_ino == number and os.pread(reader, 40_000, 0) == content, turn
                assert subprocess.check_output(["stat", "-c", "%w", "f"]) == born
            assert os.stat(f"{source}/f.zst").st_ino != own
            # The source gives the inode that the file had to something else.
            for make in (os.mkdir, lambda path: os.symlink("f", path)):
                for i in range(300):
                    other = f"other{i}"
                    make(other)
                    if os.lstat(f"{source}/{other}").st_ino == own: break
                else: assert False, "the source has not given it away"
                assert os.lstat(other).st_ino != number
                if os.path.isdir(other):
                    put(other + "/x", b"in it", os.O_WRONLY | os.O_CREAT)
                    time.sleep(1.2)
                    assert os.listdir(other) == ["x"] and read(other + "/x") == b"in it"
                subprocess.run("rm -r other*", shell=True, check=True)
            put("f", b"at last", os.O_WRONLY | os.O_TRUNC)
            time.sleep(1.2)
            assert os.stat("f").st_ino == number and os.pread(reader, 100, 0) == b"at last" and read("f") == b"at last"
            os.close(reader)
            """);
        folder.Remount();
        Python(folder.Mount, "assert read('f') == b'at last'");
    }

    /// <summary>The same where a record can be written later.</summary>
    [Test]
    public void ImmutableFoundFile_KeepsItsNumberWhenItIsImmutableNoMore()
    {
        using MountedFolder folder = MountedFolder.Create(
            new MountSetup { SourceParent = SharedImages.Root("ext4") },
            source => Shell.Get($"cd '{source}' && seq 100 | zstd -qo f.zst && chattr +i f.zst"));
        Python(folder.Mount,
            $$"""
            import time
            source = "{{folder.Source}}"
            number = os.stat("f").st_ino
            reader = os.open("f", os.O_RDONLY)
            subprocess.run(["chattr", "-i", f"{source}/f.zst"], check=True)
            for turn in range(3):
                time.sleep(1.2)
                assert os.stat("f").st_ino == number, turn
                put("f", noise(30_000, turn), os.O_WRONLY | os.O_TRUNC)
                assert os.pread(reader, 40_000, 0) == noise(30_000, turn)
                change = os.stat("f").st_ctime_ns
                time.sleep(1.2)
                assert os.stat("f").st_ctime_ns == change
            """);
        folder.Remount();
        Python(folder.Mount,
            """
            assert read("f") == noise(30_000, 2)
            number = os.stat("f").st_ino
            put("f", b"new", os.O_WRONLY | os.O_TRUNC)
            assert os.stat("f").st_ino == number >= 1 << 52
            """);
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero, () => folder.Log);
    }

    [Test]
    public void OrdinaryUsersFile_IsRewrittenAndCopied() => TryRewrites("ext4", ShellUser.Ordinary);

    private static void TryRewrites(string type, ShellUser user)
    {
        using MountedFolder folder =
            MountedFolder.Create(new MountSetup { SourceParent = SharedImages.Root(type), User = user });
        string expected = Python(folder.Mount,
            """
            names = {"small": 20_000, "large": 1_500_000, "linked": 20_000}
            numbers, contents, full = {}, {}, {}
            for name, size in names.items():
                put(name, noise(size, name), os.O_WRONLY | os.O_CREAT)
                if name == "linked": subprocess.run(["setfacl", "-m", "u:12345:rw", name], check=True)
                full[name] = fill(name)
                numbers[name] = os.stat(name).st_ino
            os.link("linked", "linked_too")
            kept = {name: attributes(name) for name in names}
            assert all(full.values()) or len(kept["small"]) > 10, kept
            for turn in range(3):
                for name, size in names.items():
                    content = noise(size + turn, f"{name}{turn}")
                    put(name, content, os.O_WRONLY | os.O_TRUNC)
                    put(name, content + b"appended", os.O_WRONLY, at=len(content))
                    contents[name] = content + b"appended"
                    assert read(name) == contents[name] and attributes(name) == kept[name] \
                        and os.stat(name).st_ino == numbers[name], (name, turn)
            patched = bytearray(contents["large"]); patched[700_000:700_100] = bytes(100)
            fd = os.open("large", os.O_WRONLY); os.pwrite(fd, bytes(100), 700_000); os.fsync(fd); os.close(fd)
            contents["large"] = bytes(patched)
            for copy in (["cp", "-a"], ["rsync", "-aAX"]):
                for name in names:
                    subprocess.run([*copy, name, name + copy[0]], check=True)
                    assert attributes(name + copy[0]) == kept[name] and read(name + copy[0]) == contents[name], \
                        (copy, name)
                    put(name + copy[0], noise(30_000, copy[0]), os.O_WRONLY | os.O_TRUNC)
                    assert attributes(name + copy[0]) == kept[name] \
                        and read(name + copy[0]) == noise(30_000, copy[0]), (copy, name)
            import hashlib
            for name in names:
                print(name, numbers[name], hashlib.sha256(contents[name]).hexdigest(),
                    hashlib.sha256(repr(sorted(kept[name].items())).encode()).hexdigest())
            """, user);
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero, () => folder.Log);
        folder.Remount();
        string found = Python(folder.Mount,
            """
            import hashlib
            for name in ("small", "large", "linked"):
                print(name, os.stat(name).st_ino, hashlib.sha256(read(name)).hexdigest(),
                    hashlib.sha256(repr(sorted(attributes(name).items())).encode()).hexdigest())
            """, user);
        Assert.That(found, Is.EqualTo(expected), "after a remount");
        Assert.That(folder.Log, Does.Not.Contain("error"));
    }

    [TestCaseSource(nameof(Types))]
    public void FileFoundWithoutRoomForARecord_IsRewrittenAndKeepsItsNumberWhileTheMountLives(string type)
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { SourceParent = SharedImages.Root(type) });
        Shell.Get(
            $"cd '{folder.Source}' && head -c 20000 /dev/urandom > f && head -c 1500000 /dev/urandom > g && "
            + "zstd -q --rm f g");
        Python(folder.Source, "for name in ('f.zst', 'g.zst'): fill(name)\nos.link('g.zst', 'g_too.zst')");
        folder.Start();
        string attributes = Python(folder.Mount,
            """
            for name in ("f", "g"):
                kept, number = attributes(name), os.stat(name).st_ino
                content = read(name)
                for turn in range(3):
                    content = content + noise(5_000 * turn, turn)
                    put(name, content, os.O_WRONLY)
                    assert read(name) == content and attributes(name) == kept and os.stat(name).st_ino == number, \
                        (name, turn)
                    put(name, content, os.O_WRONLY | os.O_TRUNC)
                    assert read(name) == content and attributes(name) == kept and os.stat(name).st_ino == number, \
                        (name, turn)
                print(sorted(kept.items()), len(content))
            """);
        folder.Remount();
        Assert.That(
            Python(folder.Mount, "for name in ('f', 'g'): print(sorted(attributes(name).items()), len(read(name)))"),
            Is.EqualTo(attributes));
        Shell.Get($"zstd -qt '{folder.Source}/f.zst' '{folder.Source}/g.zst'");
    }

    [TestCaseSource(nameof(Types))]
    public void FileFoundWithoutRoomForARecord_IsFoundByTheNextMountToo(string type)
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { SourceParent = SharedImages.Root(type) });
        Shell.Get($"cd '{folder.Source}' && mkdir d && head -c 20000 /dev/urandom > d/f && zstd -q --rm d/f");
        Python(folder.Source, "fill('d/f.zst')");
        folder.Start();
        Python(folder.Mount, "put('d/f', noise(30_000, 1), os.O_WRONLY)");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero, () => folder.Log);
        Python(folder.Mount,
            """
            fd = os.open("d/f", os.O_WRONLY)
            os.pwrite(fd, noise(3_000_000, 2), 0)
            os.fsync(fd)
            """);
        folder.Crash();
        // The hint leads nowhere.
        Shell.Get($"mv '{folder.Source}/d' '{folder.Source}/e'");
        folder.Start();
        Python(folder.Mount, "assert read('e/f') == noise(3_000_000, 2)");
        folder.Unmount();
        Assert.That(folder.Log, Does.Not.Contain("error"));
    }

    [TestCaseSource(nameof(Types))]
    public void PlainFiles_AreConvertedRecompressedAndReverted(string type)
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { SourceParent = SharedImages.Root(type) });
        string List(string suffix) => Python(folder.Source,
            $"for name in sorted(n for n in os.listdir('.') if n != '.zstdfs'): print(name.removesuffix('{suffix}'), "
            + "os.stat(name).st_mtime_ns, sorted(attributes(name).items()))");
        Python(folder.Source,
            """
            for name in ("f", "g"):
                put(name, b"text " * 100_000 if name == "g" else b"text", os.O_WRONLY | os.O_CREAT)
                if name == "g": subprocess.run(["setfacl", "-m", "u:12345:rw", name], check=True)
                # cap_net_raw+ep; a mark in the record's place is a write, which takes capabilities away.
                else:
                    os.setxattr(name, "security.capability",
                        (0x02000001).to_bytes(4, "little") + (1 << 13).to_bytes(4, "little") + bytes(12))
                fill(name)
            """);
        string plain = List("");
        foreach ((string[] words, string suffix) in new (string[], string)[] { (["convert"], ".zst"),
            (["recompress", "--level=9"], ".zst"), (["convert", "--revert"], "") })
        {
            ShellResult result = folder.Program([.. words, folder.Source]);
            Assert.That(result.ExitCode, Is.Zero, () => $"{string.Join(' ', words)}: {result}");
            Assert.That(List(suffix), Is.EqualTo(plain), string.Join(' ', words));
        }
    }

    private static string Python(string folder, string script, ShellUser user = ShellUser.Same) =>
        Shell.Get($"cd '{folder}' && python3 - <<'END'\n{Library}\n{script}\nEND", TimeSpan.FromMinutes(1), user);
}
