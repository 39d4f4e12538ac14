using System.Globalization;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Source;

/// <summary>Sources that hold more than .zst files, that change behind the mount, and their figures in df.</summary>
[TestFixture]
internal sealed class SourceTests
{
    [Test]
    public void ListingWithLinkPipeSocketDeviceAndOddNames_IsWhole()
    {
        TestMachine.RequireRoot("device nodes");
        using MountedFolder folder = MountedFolder.Create(prepare: source => Shell.Get(
            $$"""
            cd '{{source}}' && echo text | zstd -q > a.zst && ln -s a link && ln -s /nowhere dangling && mkfifo fifo &&
                mknod null c 1 3 && mkdir folder folder.zst
            python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
            : > .zst; echo plain > plain; ln -s a.zst link.zst; mkfifo fifo.zst
            """));
        Assert.That(Shell.Get($"cd '{folder.Mount}' && find . -mindepth 1 -printf '%P %y\\n' | LC_ALL=C sort"),
            Is.EqualTo(
            "a f\ndangling l\nfifo p\nfifo.zst p\nfolder d\nfolder.zst d\nlink l\nlink.zst l\nnull c\nsocket s"));
        Assert.That(Shell.Get(
            $"cd '{folder.Mount}' && cat link && readlink dangling && ls -l | wc -l && "
            + "timeout 60 bash -c 'echo through > fifo & cat fifo'"),
            Is.EqualTo("text\n/nowhere\n11\nthrough"));
        Assert.That(Shell.Get($"cd '{folder.Source}' && cat plain && stat -c %s .zst"), Is.EqualTo("plain\n0"));
        folder.Unmount();
    }

    [Test]
    public void Df_ShowsTheSourcesFigures()
    {
        using LoopImage image = LoopImage.Create("ext4", 64);
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        Assert.That(Df("size,itotal"),
            Is.EqualTo(Shell.Get($"df --output=size,itotal -B1 '{folder.Source}' | tail -n 1").Trim()));
        long before = long.Parse(Df("avail"), CultureInfo.InvariantCulture);
        Shell.Get($"head -c 10000000 /dev/urandom > '{folder.Mount}/f' && sync -f '{folder.Mount}/f'");
        Assert.That(before - long.Parse(Df("avail"), CultureInfo.InvariantCulture), Is.InRange(9_000_000, 25_000_000));
        Assert.That(Shell.Get($"stat -f -c '%l' '{folder.Mount}'"), Is.EqualTo("255"));
        folder.Unmount();

        string Df(string columns) => Shell.Get($"df --output={columns} -B1 '{folder.Mount}' | tail -n 1").Trim();
    }

    [Test]
    public void FileCopiedIntoTheSource_IsRightAtTheFirstLook()
    {
        using MountedFolder folder = MountedFolder.Create();
        string outside = folder.Source + ".outside";
        Shell.Get($"mkdir '{outside}' && seq 100000 > '{outside}/plain' && zstd -q '{outside}/plain'");
        try
        {
            Shell.Get($"ls '{folder.Mount}' && ! cat '{folder.Mount}/f' 2> /dev/null");
            Shell.Get($"cp '{outside}/plain.zst' '{folder.Source}/f.zst'");
            // A missing name may be remembered for the cache timeout, which is a second.
            Assert.That(Waiting.For(() => File.Exists($"{folder.Mount}/f"), TimeSpan.FromSeconds(3)),
                "does not show up");
            Shell.Get($"cmp '{folder.Mount}/f' '{outside}/plain'");
            Shell.Get(
                $"cp '{outside}/plain.zst' '{folder.Source}/never-asked-for.zst' && "
                + $"cmp '{folder.Mount}/never-asked-for' '{outside}/plain'");
            Shell.Get(
                $"mkdir '{folder.Source}/d' && cp '{outside}/plain.zst' '{folder.Source}/d/f.zst' && "
                + $"[ \"$(stat -c %s '{folder.Mount}/d/f')\" = 588895 ]");
        }
        finally
        {
            Directory.Delete(outside, recursive: true);
        }
        folder.Unmount();
    }

    [TestCase("zstd -qf new -o t && mv t SOURCE/f.zst")]
    [TestCase("zstd -qfc new > SOURCE/f.zst")]
    [TestCase("rm SOURCE/f.zst && zstd -qc new > SOURCE/f.zst")]
    public void FileReplacedInTheSource_IsReadAnewAtTheNextOpen(string replace)
    {
        using MountedFolder folder =
            MountedFolder.Create(prepare: source => Shell.Get($"seq 50000 | zstd -q > '{source}/f.zst'"));
        string outside = Path.GetDirectoryName(folder.Mount)!;
        Shell.Get(
            $"cmp '{folder.Mount}/f' <(seq 50000) && cd '{outside}' && seq 7 90000 > new && "
            + $"{replace.Replace("SOURCE", "source", StringComparison.Ordinal)}");
        Assert.That(
            Waiting.For(() => Shell.Get($"stat -c %s '{folder.Mount}/f'") == Shell.Get($"stat -c %s '{outside}/new'"),
                TimeSpan.FromSeconds(3)),
            "the new size does not show");
        Shell.Get($"cmp '{folder.Mount}/f' '{outside}/new'");
        folder.Unmount();
    }

    [Test]
    public void FileReplacedInTheSource_OpenAloneShowsIt()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["--cache-timeout", "3600"] },
            source => Shell.Get($"seq 1000 | zstd -q > '{source}/f.zst'"));
        Shell.Get(
            $"cat '{folder.Mount}/f' > /dev/null && seq 2000 3001 | zstd -q > '{folder.Source}.t' && "
            + $"mv '{folder.Source}.t' '{folder.Source}/f.zst'");
        Shell.Get($"cmp '{folder.Mount}/f' <(seq 2000 3001)");
        folder.Unmount();
    }

    [Test]
    public void FileRemovedFromTheSource_IsGone()
    {
        using MountedFolder folder = MountedFolder.Create(prepare: source =>
            Shell.Get($"echo x | zstd -q > '{source}/f.zst' && echo y | zstd -q > '{source}/g.zst'"));
        Shell.Get($"ls -l '{folder.Mount}' && rm '{folder.Source}/f.zst'");
        Assert.That(Waiting.For(() => Shell.Get($"ls '{folder.Mount}'") == "g", TimeSpan.FromSeconds(3)),
            "still listed");
        Assert.That(Shell.Run($"cat '{folder.Mount}/f'").Error, Does.Contain("No such file"));
        folder.Unmount();
    }
}
