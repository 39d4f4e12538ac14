using ZstdFs.Cli.Options;
using ZstdFs.Core;

namespace ZstdFs.Cli.Tests;

[TestFixture]
internal sealed class MountOptionListTests
{
    [Test]
    public void EveryOwnOption_IsTaken()
    {
        MountOptions options = MountOptionList.Apply(new(), "ro,allow_other,noexec,noatime,nosymfollow,nonempty,fsname=a\\,b,subtype=s,level=-7,frame_size=1M,plain=show,cache_timeout=0.5,log_file=/l,jobs=4,rules=/r,memory=64M");
        Assert.Multiple(() =>
        {
            Assert.That(options.FileSystem, Is.EqualTo(new FileSystemOptions
            {
                ReadOnly = true,
            KeepsAccessTimes = false,
                Level = -7,
                FrameBytes = 1 << 20,
                PlainFiles = PlainFiles.Show,
                CacheTimeout = TimeSpan.FromMilliseconds(500),
                Jobs = 4,
                RulesPath = "/r",
                MemoryBytes = 64 << 20,
            }));
            Assert.That(options, Is.EqualTo(new MountOptions
            {
                FileSystem = options.FileSystem,
                AllowOther = true,
                NoExecute = true,
                NoAccessTime = true,
                NoSymlinkFollowing = true,
                NonEmpty = true,
                FileSystemName = "a,b",
                Subtype = "s",
                LogFile = "/l",
            }));
        });
    }

    [Test]
    public void LaterEntry_Wins() => Assert.That(MountOptionList.Apply(new(), "ro,suid,dev,rw,nosuid,nodev"), Is.EqualTo(new MountOptions()));

    [Test]
    public void WordsOfFstab_ChangeNothing() =>
        Assert.That(MountOptionList.Apply(new(), "defaults,async,_netdev,noauto,auto,user,users,nofail,strictatime,relatime,lazytime,symfollow,x-systemd.automount,x-gvfs-show,default_permissions,,"), Is.EqualTo(new MountOptions()));

    [TestCase("inodes=lru", InodeStore.Recent, 16384, null)]
    [TestCase("inodes=rocksdb:/p,inodes=lru:5", InodeStore.Recent, 5, null)]
    [TestCase("inodes=rocksdb", InodeStore.RocksDb, 16384, null)]
    [TestCase(@"inodes=rocksdb:a:b\,c", InodeStore.RocksDb, 16384, "a:b,c")]
    public void InodeStore_IsReadWithItsBound(string list, InodeStore store, int places, string? path)
    {
        FileSystemOptions options = MountOptionList.Apply(new(), list).FileSystem;
        Assert.That((options.Inodes, options.RecentInodes, options.InodeDatabasePath), Is.EqualTo((store, places, path)));
    }

    [TestCase("frobnicate")]
    [TestCase("sync")]
    [TestCase("dirsync")]
    [TestCase("auto_unmount")]
    [TestCase("ro=1")]
    [TestCase("level")]
    [TestCase("level=23")]
    [TestCase("level=1.5")]
    [TestCase("frame_size=65535")]
    [TestCase("frame_size=32K")]
    [TestCase("frame_size=-64K")]
    [TestCase("frame_size=99999999999999999999")]
    [TestCase("frame_size=")]
    [TestCase("plain=compress")]
    [TestCase("inodes=lru:")]
    [TestCase("inodes=lru:-1")]
    [TestCase("inodes=rocksdb:")]
    [TestCase("inodes=sqlite")]
    [TestCase("cache_timeout=-1")]
    [TestCase("cache_timeout=NaN")]
    [TestCase("cache_timeout=1e9")]
    [TestCase("jobs=0")]
    [TestCase("memory=7M")]
    [TestCase("memory=lots")]
    [TestCase("rules=")]
    [TestCase("fsname=")]
    public void WrongEntry_IsUsageAndNamesTheOption(string list)
    {
        CommandFailure failure = Assert.Throws<CommandFailure>(() => MountOptionList.Apply(new(), list))!;
        Assert.That(failure.Code, Is.EqualTo(ExitCode.Usage));
        Assert.That(failure.Message, Does.Contain($"'{list.Split('=')[0]}'"));
    }

    [TestCase("64K", 65536)]
    [TestCase("64KiB", 65536)]
    [TestCase("64kB", 65536)]
    [TestCase("65536", 65536)]
    [TestCase("16M", 16777216)]
    public void FrameSize_InAnyUsualSpelling(string text, int bytes) =>
        Assert.That(MountOptionList.Apply(new(), "frame_size=" + text).FileSystem.FrameBytes, Is.EqualTo(bytes));
}
