using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Source;

/// <summary>
/// A commit on another file system than the root's, where the new version has a second name for a moment.
/// </summary>
[TestFixture]
internal sealed class CommitOnAnotherFileSystemTests
{
    [TestCase("show")]
    [TestCase("convert")]
    public void NameThatANewVersionPassesThrough_IsHiddenAndFreedByTheNextCommit(string plain)
    {
        TestMachine.RequireRoot("mounting in a source");
        MountedFolder folder =
            MountedFolder.Prepared(new MountSetup { Options = [$"--plain={plain}", "--cache-timeout=0"] });
        string inner = folder.Source + "/inner";
        try
        {
            Shell.Get($"mkdir '{inner}' && mount -t tmpfs none '{inner}' && seq 9000 | zstd -q > '{inner}/f.zst'");
            folder.Start();
            Assert.That(Shell.Get($$"""
                python3 - <<'END'
                import ctypes, errno, os, struct
                libc = ctypes.CDLL(None, use_errno=True)
                os.chdir("{{folder.Mount}}/inner")
                CREATED, NONBLOCKING = 0x100, 0o4000
                watch = libc.inotify_init1(NONBLOCKING)
                assert libc.inotify_add_watch(watch, b"{{inner}}", CREATED) >= 0
                with open("f", "r+") as f: f.write("changed"); f.flush(); os.fsync(f.fileno())
                events = os.read(watch, 65536)
                names = set()
                while events:
                    length = struct.unpack_from("IIII", events)[3]
                    names.add(events[16:16 + length].rstrip(b"\0").decode()); events = events[16 + length:]
                for name in names:
                    assert name == ".zstdfs-commit-%x" % os.stat("f").st_ino, names
                    with open("{{inner}}/" + name, "w") as f: f.write("left")
                    for look in (os.lstat, os.mkdir, lambda n: os.rename("f", n)):
                        try: look(name); print("done")
                        except OSError as e: print(errno.errorcode[e.errno])
                print(os.listdir("."))
                with open("f", "r+") as f: f.write("CHANGED"); f.flush(); os.fsync(f.fileno())
                END
                """), Is.EqualTo("ENOENT\nEPERM\nEPERM\n['f']"));
            folder.Unmount();
            Assert.That(folder.Log, Does.Not.Contain("lost"));
            Assert.That(Shell.Get($"zstd -qdc '{inner}/f.zst' | head -c 7; ls -A '{inner}'"),
                Is.EqualTo("CHANGEDf.zst"));
        }
        finally
        {
            folder.Dispose();
            Shell.Run($"mountpoint -q '{inner}' && umount '{inner}'; rm -rf --one-file-system -- '{folder.Source}'");
        }
    }
}
