using System.Globalization;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Handles;

/// <summary>
/// <c>--inodes=rocksdb</c>: where the database is, what becomes of a damaged one, and how much memory is left.
/// </summary>
internal sealed class InodeDatabaseTests
{
    private const int Files = 200_000;
    // afterwards; while the kernel knows all of them, or forgets them in one go
    private const long MemoryBoundKiB = 80 * 1024, PeakBoundKiB = 120 * 1024;

    private static readonly MountSetup RocksDb = new() { Options = ["--inodes=rocksdb"] };

    [TestCase("rm -rf", "")]
    [TestCase("truncate -s 3", "/MANIFEST-*")]
    public void DatabaseLostOrDamaged_IsMadeAnew_AndHandlesStayValid(string command, string files)
    {
        TestMachine.RequireRoot("opening files by handle");
        using MountedFolder folder = MountedFolder.Create(RocksDb);
        Shell.Get($"cd '{folder.Mount}'; mkdir -p a/b; echo content > a/b/file");
        string file = FileHandles.Take(folder.Mount + "/a/b/file");
        folder.Unmount();
        Shell.Get($"cd '{folder.Source}/.zstdfs/inodes' && {command} '{folder.Source}/.zstdfs/inodes'{files}");
        folder.Start();
        if (files.Length > 0)
            Assert.That(folder.Log, Does.Contain("made anew"));
        Assert.That(FileHandles.Open(folder.Mount, file), Is.EqualTo("content"));
        Shell.Get($"ls '{folder.Source}/.zstdfs/inodes/CURRENT'");
    }

    [Test]
    public void DatabaseElsewhere_IsThere_AndForOneDaemon()
    {
        using MountedFolder folder = MountedFolder.Prepared();
        using MountedFolder other = MountedFolder.Prepared();
        string database = folder.Source + "-inodes";
        try
        {
            Assert.That(folder.Program("mount", "--inodes=rocksdb:" + database, folder.Source, folder.Mount),
                Has.Property(nameof(ShellResult.ExitCode)).Zero);
            Shell.Get($"test -e '{database}/CURRENT' -a ! -e '{folder.Source}/.zstdfs/inodes'");
            ShellResult second = other.Program("mount", "--inodes=rocksdb:" + database, other.Source, other.Mount);
            Assert.That((second.ExitCode, second.Error),
                Is.EqualTo((6, "zstdfs: the inode database is in use by another zstdfs: give each source its own\n")));
            Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero);
        }
        finally
        {
            Shell.Run($"rm -rf '{database}'");
        }
    }

    [Test]
    public void Revert_TakesTheDatabaseAway()
    {
        using MountedFolder folder = MountedFolder.Create(RocksDb);
        Shell.Get($"echo content > '{folder.Mount}/file'");
        folder.Unmount();
        Assert.That(folder.Program("convert", "--revert", folder.Source).ExitCode, Is.Zero);
        Assert.That(Shell.Get($"ls -A '{folder.Source}'"), Is.EqualTo("file"));
    }

    [Test]
    public void MissingLibrary_IsNamedWithItsPackage_AndNothingIsMounted()
    {
        TestMachine.RequireRoot("hiding a library");
        using MountedFolder folder = MountedFolder.Prepared();
        string program = TestMachine.Program(ShellUser.Same);
        ShellResult result = Shell.Run($"""
            unshare -m bash -c 'for library in $(find /usr/lib -name "librocksdb.so.7.8*"); do
                    mount --bind /dev/null "$library"
                done
                exec "$0" mount --inodes=rocksdb "$1" "$2"' '{program}' '{folder.Source}' '{folder.Mount}'
            """);
        Assert.That(result.ExitCode, Is.EqualTo(1), result.ToString());
        Assert.That(result.Error,
            Does.StartWith("zstdfs: inodes=rocksdb needs librocksdb 7.8").And.Contain("apt-get install librocksdb7.8"));
        Assert.That(result.Error.Count(c => c == '\n'), Is.EqualTo(1));
    }

    [Test]
    public void NewerLibrary_ServesWhereItIsTheOnlyOne()
    {
        TestMachine.RequireRoot("hiding a library");
        using MountedFolder folder = MountedFolder.Prepared();
        // Debian 13 has the file name 9.10; its functions are those of the copy here.
        string mapped = Shell.Get($"""
            unshare -m bash -euc 'folder="$1/../newer"; mkdir "$folder"
                cp "$(find /usr/lib -name librocksdb.so.7.8 | head -n 1)" "$folder/librocksdb.so.9.10"
                for library in $(find /usr/lib -name "librocksdb.so.7.8*"); do mount --bind /dev/null "$library"; done
                LD_LIBRARY_PATH="$folder" "$0" mount --inodes=rocksdb "$1" "$2"
                echo x > "$2/file"
                test -e "$1/.zstdfs/inodes/CURRENT"
                grep -ho "librocksdb.*" /proc/[0-9]*/maps | sort -u
                "$0" unmount "$2"; rm -r "$folder"' \
                '{TestMachine.Program(ShellUser.Same)}' '{folder.Source}' '{folder.Mount}'
            """);
        Assert.That(mapped, Does.Contain("librocksdb.so.9.10"));
    }

    [TestCase("rocksdb", Category = "Long")]
    [TestCase("lru:1000", Category = "Long")]
    public void ManyFilesWalked_LeaveLittleMemory(string store)
    {
        TestMachine.RequireRoot("having the kernel forget");
        // As a mount in the background has it.
        Environment.SetEnvironmentVariable("MALLOC_ARENA_MAX", "1");
        using MountedFolder folder =
            MountedFolder.Create(new MountSetup { Options = ["--inodes=" + store] }, source => Shell.Get($$"""
            cd '{{source}}'; printf x | zstd -q > x.zst
            python3 -c '
            import os, shutil
            for d in range(200):
                os.mkdir("d%d" % d)
                for f in range({{Files / 200}}):
                    shutil.copyfile("x.zst", "d%d/a name of some length %d.zst" % (d, f))
            '
            """, TimeSpan.FromMinutes(5)));
        Environment.SetEnvironmentVariable("MALLOC_ARENA_MAX", null);
        Assert.That(Shell.Get($"find '{folder.Mount}' -type f -size -2 | wc -l", TimeSpan.FromMinutes(3)),
            Is.EqualTo((Files + 1).ToString(CultureInfo.InvariantCulture)));
        FileHandles.ForgetAll();
        long memory = 0;
        bool isSmall = Waiting.For(() => (memory = Memory(folder, "VmRSS")) < MemoryBoundKiB);
        long most = Memory(folder, "VmHWM");
        TestContext.Out.WriteLine($"{store}: {memory} KiB, at most {most} KiB");
        folder.Unmount();
        Shell.Get($"rm -rf '{folder.Source}'/*", TimeSpan.FromMinutes(5));
        Assert.That(isSmall, Is.True, () => $"{memory} KiB");
        Assert.That(most, Is.LessThan(PeakBoundKiB), "at its most");
    }

    private static long Memory(MountedFolder folder, string field) =>
        long.Parse(Shell.Get($"grep -oP '{field}:\\s*\\K[0-9]+' /proc/{folder.Daemon.ProcessId}/status"),
            CultureInfo.InvariantCulture);
}
