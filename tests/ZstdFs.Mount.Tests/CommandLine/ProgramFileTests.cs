using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>The program as a file: what it is, what it needs of a machine.</summary>
[TestFixture]
internal sealed class ProgramFileTests
{
    private const long MostBytes = 10 << 20;
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(20);

    [SetUp]
    public void RequireNative()
    {
        string form = TestMachine.IsNative ? "native" : "ReadyToRun";
        TestContext.Progress.WriteLine($"the tests run {TestMachine.Program(ShellUser.Same)} ({form})");
        if (!TestMachine.IsNative)
            TestMachine.CannotRun(
                "the build made the ReadyToRun program: no linker, or not the native compiler's packages");
    }

    [Test]
    public void Program_IsOneFileOfTenMebibytesAtMost()
    {
        string program = TestMachine.Program(ShellUser.Same);
        Assert.That(Directory.GetFileSystemEntries(Path.GetDirectoryName(program)!), Is.EqualTo(new[] { program }));
        Assert.That(new FileInfo(program).Length, Is.LessThanOrEqualTo(MostBytes));
    }

    [Test]
    public void Program_IsLinkedWithTheCLibraryAlone()
    {
        string program = TestMachine.Program(ShellUser.Same);
        string needed = Shell.Get($"ldd '{program}' | sed 's/^[[:space:]]*//; s/[ (].*//; s,.*/,,' | sort");
        Assert.That(needed.Split('\n'), Is.SubsetOf(new[]
        {
            "ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1",
            "linux-vdso.so.1",
        }));
    }

    /// <summary>
    /// As root with nothing installed, then as a user with fuse3. Brings some 60 packages from Debian's mirror.
    /// </summary>
    [Test, Category("Long")]
    public void MinimalDebian_RunsIt()
    {
        TestMachine.RequireRoot("debootstrap");
        if (Shell.Run("command -v debootstrap").ExitCode != 0)
            TestMachine.CannotRun("this needs the package debootstrap");
        string folder = TestMachine.CreateFolder();
        try
        {
            Shell.Get($$"""
                unshare -m --propagation private bash -euc '
                root="$0/root"; . /etc/os-release
                debootstrap --variant=minbase "$VERSION_CODENAME" "$root" > "$0/log" 2>&1 || tail -n 20 "$0/log" >&2
                mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
                rm -f "$root/dev/fuse"; mknod -m 666 "$root/dev/fuse" c 10 229
                install -m 755 "$1" "$root/usr/bin/zstdfs"
                if [ -e "$root/usr/bin/fusermount3" ]; then echo "fusermount3 is there" >&2; exit 1; fi
                smoke() {
                    for name in source mount; do mkdir "$root/$2-$name"; chown "$1" "$root/$2-$name"; done
                    echo hello | zstd -q > "$root/$2-source/a.zst"
                    chroot --userspec="$1" "$root" sh -euc "
                        zstdfs mount $2-source $2-mount
                        cat $2-mount/a; seq 500000 > $2-mount/b
                        zstdfs unmount $2-mount"
                    zstd -qdc "$root/$2-source/b.zst" | cmp - <(seq 500000)
                    chroot --userspec="$1" "$root" zstdfs check --data "$2-source"
                }
                smoke 0:0 root
                cp /etc/resolv.conf "$root/etc/resolv.conf"
                export DEBIAN_FRONTEND=noninteractive
                chroot "$root" apt-get install -y --no-install-recommends fuse3 >> "$0/log" 2>&1 ||
                    tail -n 20 "$0/log" >&2
                # fusermount3 asks for the name of the user, and for the link that every booted system has.
                chroot "$root" useradd -u 1000 user; ln -sf ../proc/self/mounts "$root/etc/mtab"
                smoke 1000:1000 user
                ' '{{folder}}' '{{TestMachine.Program(ShellUser.Same)}}'
                """, InstallLimit);
        }
        finally
        {
            Shell.Run($"rm -rf --one-file-system -- '{folder}'", InstallLimit);
        }
    }
}
