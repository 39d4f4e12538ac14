using ZstdFs.Mount.Tests.Damage;
using ZstdFs.Mount.Tests.Harness;
using ZstdFs.Mount.Tests.Programs;
using ZstdFs.Mount.Tests.Tools;

namespace ZstdFs.Mount.Tests.Everything;

/// <summary>
/// <see cref="EverythingTree"/> goes through a mount and every program and tool, and comes out equal. What a program
/// does not carry is told by the same journey between ordinary folders.
/// </summary>
[TestFixtureSource(nameof(FileSystems))]
internal sealed class EverythingTests(string? fileSystem)
{
    private const string Sockets = "sockets", Attributes = "attributes", Times = "times", Nanoseconds = "nanoseconds";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private string _parent = "", _plain = "";

    private static IEnumerable<TestFixtureData> FileSystems()
    {
        yield return new TestFixtureData((string?)null).SetArgDisplayNames("own");
        foreach (string type in LoopImage.Types)
        {
            TestFixtureData data = new TestFixtureData(type).SetArgDisplayNames(type);
            data.Properties.Add("Category", "Long");
            yield return data;
        }
    }

    [SetUp]
    public void MakeFolder()
    {
        TestMachine.RequireRoot("owners, nodes and capabilities");
        TestMachine.RequireMounts();
        _parent = fileSystem is null
            ? TestMachine.CreateFolder()
            : Directory.CreateDirectory(Path.Combine(SharedImages.Root(fileSystem), "everything")).FullName;
        _plain = Folder("plain");
    }

    [TearDown]
    public void RemoveFolder() =>
        Shell.Run($"chattr -R -i '{_parent}' 2> /dev/null; rm -rf --one-file-system -- '{_parent}'", Limit);

    [Test]
    public void Rsync_CarriesItInAndOut()
    {
        EverythingTree.Make(_plain, withUndecodable: fileSystem is not null, withEscaped: true);
        CarryThrough("rsync -aHAXS \"$from/\" \"$to/\"", EverythingTree.Describe(_plain), []);
    }

    [Test]
    [Category("Long")]
    public void Tar_CarriesItInAndOut() => InAndOut(
        """
        as="--numeric-owner --xattrs --xattrs-include=* --acls -S"; set -f
        tar -C "$from" --format=posix $as -cf - . 2> >(grep -v 'socket ignored' >&2) | tar -C "$to" $as -xpf -
        """, Sockets);

    [Test]
    [Category("Long")]
    public void Cpio_CarriesItInAndOut() => InAndOut(
        "cd \"$from\"; find . -mindepth 1 -depth -print0 | cpio -0 --quiet -pdm --sparse \"$to\"",
        Attributes, Times, Nanoseconds);

    [Test]
    [Category("Long")]
    public void CpioArchive_CarriesItInAndOut() => InAndOut(
        """
        cd "$from"
        find . -mindepth 1 -depth -print0 | cpio -0 --quiet -o -H newc | (cd "$to"; cpio --quiet -idm --sparse)
        """, Attributes, Times, Nanoseconds);

    [Test]
    [Category("Long")]
    public void Restic_CarriesItInAndOut()
    {
        BackupPrograms.Require("restic");
        InAndOut(
            """
            export RESTIC_PASSWORD=test RESTIC_REPOSITORY="$work/restic" RESTIC_CACHE_DIR="$work/restic-cache"
            rm -rf "$work/restic"; restic -q init; cd "$from"
            restic -q backup . 2> >(grep -v socket >&2); restic -q restore latest --target "$to"
            """, Sockets, "sparseness");
    }

    [Test]
    public void ConvertedWithItsZstFilesWrapped_AMountShowsItAsItWas_AndTheWayBackToo()
    {
        EverythingTree.Make(_plain, withUndecodable: fileSystem is not null, withEscaped: false);
        string before = EverythingTree.Describe(_plain);
        ToolFolder.Require(0, $"convert --existing-zst=wrap '{_plain}'");
        EverythingTree.AssertSame(Mounted(_plain), before, "converted, in a mount");
        ToolFolder.Require(0, $"check --data '{_plain}'");
        Recompress(_plain);
        EverythingTree.AssertSame(Mounted(_plain), before, "recompressed, in a mount");
        ToolFolder.Require(0, $"check --data '{_plain}'");
        ToolFolder.Require(0, $"convert --revert '{_plain}'");
        EverythingTree.AssertSame(EverythingTree.Describe(_plain), before, "reverted");
        string ours = Shell.Get(
            $"cd '{_plain}'; ls -A | grep zstdfs; getfattr -R -h -d -m - . 2> /dev/null | grep -a zstdfs || true");
        Assert.That(ours, Is.Empty, "something of zstdfs is left");
    }

    [Test]
    [Category("Long")]
    public void ConvertedWithItsZstFilesShown_TheWayBackIsTheIdentity()
    {
        EverythingTree.Make(_plain, withUndecodable: true, withEscaped: false);
        string before = EverythingTree.Describe(_plain);
        // Files x beside x.zst are named, and stay.
        Assert.That(Left(ToolFolder.Require(8, $"convert '{_plain}'")), Has.All.Contain("is there too"));
        _ = Mounted(_plain);
        Assert.That(Left(ToolFolder.Program($"convert --revert '{_plain}'")), Is.Empty);
        EverythingTree.AssertSame(EverythingTree.Describe(_plain), before, "reverted");
    }

    [Test]
    [Category("Long")]
    public void ImmutableFiles_AreNamedAndStay()
    {
        EverythingTree.Make(_plain, withUndecodable: false, withEscaped: false);
        Shell.Get($"cd '{_plain}'; echo x > fixed; zstd -q < fixed > own-fixed.zst; chattr +i fixed own-fixed.zst");
        string before = EverythingTree.Describe(_plain);
        string[] left = Left(ToolFolder.Require(8, $"convert --existing-zst=wrap '{_plain}'"));
        Assert.That(left, Has.Length.EqualTo(2).And.All.Contain("fixed").And.All.Contain("immutable"));
        ToolFolder.Require(0, $"convert --revert '{_plain}'");
        EverythingTree.AssertSame(EverythingTree.Describe(_plain), before, "reverted");
        Assert.That(Shell.Get($"cd '{_plain}'; lsattr fixed own-fixed.zst | cut -c 5"), Is.EqualTo("i\ni"));
    }

    [Test]
    [Category("Long")]
    public void FilesThatNothingDecodes_KeepTheirBytesAndAttributes()
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { SourceParent = _parent });
        int number = 0;
        foreach (UndecodableFile kind in UndecodableFile.All)
        {
            if (kind is { IsForTools: false, User: ShellUser.Same })
                kind.Make($"{folder.Source}/{number++}");
        }
        Shell.Get(
            $$"""
            cd '{{folder.Source}}'
            for d in *; do
              cd $d; ln f.zst linked.zst; chown 12:34 f.zst; chmod 4750 f.zst; setcap cap_net_raw+ep f.zst
              setfattr -n user.note -v kept f.zst; setfacl -m u:12345:r f.zst
              cp -a f.zst $(printf '%0*d' 251 7).zst; touch -d '1999-09-09 09:09:09.123456789' *; cd ..
            done
            """);
        string before = EverythingTree.Describe(folder.Source);
        ToolFolder.Require(4, $"check --data '{folder.Source}'");
        ToolFolder.Require(8, $"recompress --level 5 --if-saves 0 --exclude good '{folder.Source}'");
        ToolFolder.Require(0, $"convert '{folder.Source}'");
        folder.Start();
        string shown = Shell.Get(
            $"""
            cd '{folder.Mount}'; find . -type f | wc -l; find . -uid 12 -perm 4750 | wc -l; find . -name '0*7' | wc -l
            getfattr -R -h -n user.note . 2> /dev/null | grep -c kept; ! cat 0/f 2> /dev/null
            """);
        Assert.That(shown, Is.EqualTo($"{number * 4}\n{number * 3}\n{number}\n{number * 3}"));
        Shell.Run($"cp -a '{folder.Mount}/.' '{Folder("copies")}'");
        Assert.That(Shell.Get($"cat '{_parent}'/copies/*/good | sort -u"), Is.EqualTo("good"), "the others are copied");
        folder.Unmount();
        ToolFolder.Require(4, $"check '{folder.Source}'");
        EverythingTree.AssertSame(EverythingTree.Describe(folder.Source), before, "after every tool and a mount");
        ToolFolder.Require(8, $"convert --revert --existing-zst=decode --exclude good '{folder.Source}'");
        EverythingTree.AssertSame(EverythingTree.Describe(folder.Source), before, "after the way back");
    }

    /// <summary>As <see cref="CarryThrough"/>, for a program that does not carry all.</summary>
    private void InAndOut(string copy, params string[] without)
    {
        EverythingTree.Make(_plain, withUndecodable: true, withEscaped: true);
        string control = Folder("control");
        Copy(copy, _plain, control);
        string expected = EverythingTree.Describe(control, without);
        Assert.That(expected.Split('\n'), Has.Length.GreaterThan(150), "the control holds next to nothing");
        CarryThrough(copy, expected, without);
    }

    /// <summary>From an ordinary folder into a mount and out again, and what the tools leave of it.</summary>
    /// <param name="copy">Script that copies <c>$from</c> to <c>$to</c>; <c>$work</c> is a folder of its own.</param>
    /// <param name="expected">What comes out.</param>
    /// <param name="without">What the program does not carry.</param>
    private void CarryThrough(string copy, string expected, string[] without)
    {
        var setup = new MountSetup { SourceParent = _parent, Options = ["-o", "dev,suid"] };
        using MountedFolder folder = MountedFolder.Create(setup);
        Copy(copy, _plain, folder.Mount);
        EverythingTree.AssertSame(EverythingTree.Describe(folder.Mount, without), expected, "into the mount");
        string outside = Folder("outside");
        Copy(copy, folder.Mount, outside);
        EverythingTree.AssertSame(EverythingTree.Describe(outside, without), expected, "out of the mount");
        string immutable = $"{folder.Mount}/attributes/attributed";
        Shell.Get($"chattr +i '{immutable}'");
        folder.Unmount();
        ToolFolder.Require(0, $"check --data '{folder.Source}'");
        string[] left = Recompress(folder.Source);
        Assert.That(left, Has.Some.Contains("'attributes/attributed.zst'").And.Some.Contains("immutable"));
        ToolFolder.Require(0, $"check --data '{folder.Source}'");
        folder.Start();
        EverythingTree.AssertSame(EverythingTree.Describe(folder.Mount, without), expected, "recompressed, in a mount");
        Assert.That(Shell.Get($"lsattr '{immutable}' | cut -c 5; chattr -i '{immutable}'"), Is.EqualTo("i"));
        folder.Unmount();
    }

    private void Copy(string copy, string from, string to) =>
        Shell.Get($"set -euo pipefail; from='{from}' to='{to}' work='{_parent}'\n{copy}", Limit);

    /// <summary>Recompresses all. Files with hard links are left, immutable ones, and no others.</summary>
    private static string[] Recompress(string source)
    {
        string[] left = Left(ToolFolder.Require(8, $"recompress --level 4 --if-saves 0 '{source}'"));
        Assert.That(left, Has.All.Contains("several names").Or.Contains("immutable"));
        return left;
    }

    private static string[] Left(ShellResult result) =>
        [.. result.Error.Split('\n').Where(static line => line.Contains(" left: '", StringComparison.Ordinal))];

    /// <summary>What a mount shows of a source.</summary>
    private string Mounted(string source)
    {
        string mount = Folder("mount");
        ToolFolder.Require(0, $"mount -o dev,suid,max_window=2G '{source}' '{mount}'");
        try
        {
            return EverythingTree.Describe(mount);
        }
        finally
        {
            ToolFolder.Require(0, $"unmount '{mount}'");
        }
    }

    private string Folder(string name) => Directory.CreateDirectory(Path.Combine(_parent, name)).FullName;
}
