using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>
/// <c>zstdfs convert</c> where names meet in the source: one run converts everything, what a mount will not show is
/// named before, and the way back is the identity.
/// </summary>
[TestFixture]
internal sealed class MeetingNamesTests
{
    private const string SetTimes =
        "find . -type f -exec touch -a -d '2035-05-05 05:05:05.555555555' {} +; "
        + "find . -depth -type d -exec touch -d '2020-02-02 02:02:02.222222222' {} +";

    private ToolFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new ToolFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCase("--existing-zst=wrap",
        "seq 9 | zstd -q > x.zst; mkdir x.zst.zst.zst; seq 5 > x.zst.zst.zst/a; ln x.zst.zst.zst/a x.zst.zst.zst/b; "
        + "seq 6 | zstd -q > x.zst.zst.zst/m.zst; ln x.zst.zst.zst/m.zst x.zst.zst.zst/n.zst",
        TestName = "OneRun_FolderWithTheNameThatAWrappedFileWouldGetTwice")]
    [TestCase("--existing-zst=wrap",
        "seq 9 | zstd -q > x.zst; mkdir x.zst.zst; seq 6 | zstd -q > x.zst.zst/m.zst; ln x.zst.zst/m.zst n.zst; "
        + "seq 4 > x.zst.zst/m; ln x.zst.zst/m x.zst.zst/k; mkfifo x.zst.zst.zst",
        TestName = "OneRun_FolderWithTheNameThatAWrappedFileGets")]
    [TestCase("--existing-zst=wrap",
        "echo f > own; mkdir own.zst; seq 6 | zstd -q > own.zst/m.zst; ln own.zst/m.zst own.zst/n.zst; "
        + "echo m > own.zst/m; echo n > own.zst/n",
        TestName = "OneRun_LinkedFilesInAFolderThatMakesRoom")]
    [TestCase("--existing-zst=wrap",
        "seq 5 > x; ln x y; seq 6 | zstd -q > x.zst; ln x.zst z.zst; seq 7 | zstd -q | zstd -q > x.zst.zst; "
        + "ln x.zst.zst other.zst; seq 8 > z; ln z last",
        TestName = "OneRun_LinkedFilesThatWaitForLinkedFiles")]
    [TestCase("",
        "seq 5 > x; mkdir x.zst; seq 6 > x.zst/in; ln x.zst/in x.zst/link; seq 7 > 'x.zs%'; ln 'x.zs%' l; "
        + "ln -s x y.zst; seq 8 > y; ln y k; seq 9 > 'y.zs%'",
        TestName = "OneRun_FileWithTheEscapedNameOfAFolder")]
    [TestCase("--existing-zst=wrap",
        "seq 5 | zstd -q > x.zst; mkdir x.zst.zst; seq 6 > x.zst.zst/in; seq 3 | zstd -q > x.zst.zst/in.zst; "
        + "seq 7 > 'x.zst.zs%'; seq 8 > 'x.zst.zs%%'; ln 'x.zst.zs%%' x.zst.zst/link",
        TestName = "OneRun_FileWithTheEscapedNameOfAFolderBesideAWrappedFile")]
    public void OneRun(string option, string make)
    {
        _folder.InTree($"{make}; {SetTimes}");
        string before = ToolFolder.Manifest(_folder.Tree),
            shown = ToolFolder.Manifest(_folder.Tree, withAccessTimes: false);
        ShellResult result = ToolFolder.Require(0, $"convert {option} '{_folder.Tree}'");
        Assert.That(result.Error, Does.Not.Contain("left"));
        Assert.That(ToolFolder.Require(0, $"convert {option} '{_folder.Tree}'").Error,
            Does.Contain("converted 0 files"));
        Assert.That(ToolFolder.Require(0, $"check --data '{_folder.Tree}'").Output, Is.Empty);
        Mounted(mount => Assert.That(ToolFolder.Manifest(mount, withAccessTimes: false), Is.EqualTo(shown)));
        Assert.That(ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'").Error, Does.Not.Contain("left"));
        Assert.That(ToolFolder.Manifest(_folder.Tree), Is.EqualTo(before));
        Assert.That(Directory.Exists(Path.Combine(_folder.Tree, ".zstdfs")), Is.False);
    }

    private void Mounted(Action<string> look)
    {
        TestMachine.RequireMounts();
        string mount = Directory.CreateDirectory(Path.Combine(_folder.Path, "mount")).FullName;
        ToolFolder.Require(0, $"mount '{_folder.Tree}' '{mount}'");
        try
        {
            look(mount);
        }
        finally
        {
            ToolFolder.Require(0, $"unmount '{mount}'");
        }
    }

    /// <summary>A folder keeps its name where the file that would need it is not converted.</summary>
    [TestCase("--min-size 1M", "x.zst")]
    [TestCase("--exclude x", "x.zst")]
    [TestCase("", "x.zs%")]
    public void RoomIsMadeOnlyForWhatIsConverted(string option, string name)
    {
        _folder.InTree("seq 9 > x; mkdir x.zst; seq 9 > x.zst/in");
        ToolFolder.Require(0, $"convert {option} '{_folder.Tree}'");
        Assert.That(_folder.InTree("find . -path ./.zstdfs -prune -o -name 'x.zs*' -type d -printf '%f'"),
            Is.EqualTo(name));
    }

    [Test]
    public void ExcludedFolder_IsNotEnteredUnderItsOtherNameEither([Values("x.zst", "*/in.txt")] string pattern)
    {
        _folder.InTree("seq 9 > x; mkdir x.zst; seq 9 > x.zst/in.txt");
        for (int run = 0; run < 2; run++)
        {
            ToolFolder.Require(0, $"convert --exclude '{pattern}' --exclude x.zst/in.txt '{_folder.Tree}'");
            Assert.That(_folder.InTree("find . -name 'in*'"), Is.EqualTo("./x.zs%/in.txt"));
        }
    }

    [Test]
    public void FolderThatAFoundFileHides_IsNamedBeforeAnythingHappens(
        [Values("", "--dry-run", "--existing-zst=wrap")] string option)
    {
        _folder.InTree("mkdir p; seq 9 > p/f; seq 9 | zstd -q > p.zst; ln -s p l; seq 9 | zstd -q > l.zst");
        bool isWrapped = option.Contains("wrap", StringComparison.Ordinal);
        ShellResult result = ToolFolder.Require(option.Length == 0 ? 8 : 0, $"convert {option} '{_folder.Tree}'");
        Assert.That(result.Error, isWrapped ? Does.Not.Contain("hidden")
            : Does.Contain("2 folders, links or special files will be hidden: 'l', 'p'; "));
        if (option.Length > 0)
            return;
        Assert.That(ToolFolder.Require(8, $"convert '{_folder.Tree}'").Error, Does.Contain("hidden: 'l', 'p'"));
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(_folder.InTree("find . | sort"), Is.EqualTo(".\n./l\n./l.zst\n./p\n./p.zst\n./p/f"));
    }

    [Test]
    public void Announcement_TellsWhichFilesAreWrapped()
    {
        _folder.InTree("for f in a.ko b.ko c.x; do seq 2000 | zstd -q > $f.zst; done; seq 1 | zstd -q > tiny.ko.zst");
        string said = ToolFolder.Require(0,
            $"convert --existing-zst=wrap --include '*.ko.zst' --min-size 100 '{_folder.Tree}'").Error;
        Assert.That(said, Does.Contain("2 .zst files are there already: 'a.ko.zst', 'b.ko.zst'; they are converted")
            .And.Contain("2 .zst files are there already and stay: 'c.x.zst', 'tiny.ko.zst'; a mount shows what"));
        Assert.That(_folder.InTree("ls"), Is.EqualTo("a.ko.zst.zst\nb.ko.zst.zst\nc.x.zst\ntiny.ko.zst"));
    }

    [Test]
    public void NamesThatLookLikeOurs()
    {
        _folder.InTree("seq 9 > .zst; seq 9 > .zstdfs-commit-1f; mkdir d; seq 9 > d/.zst");
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        Assert.That(
            _folder.InTree("find . -path ./.zstdfs -prune -o -type f -print | sort; zstd -qdc .zst.zst | wc -l"),
            Is.EqualTo("./.zst.zst\n./.zstdfs-commit-1f\n./d/.zst.zst\n9"));
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(_folder.InTree("find . -type f | sort"), Is.EqualTo("./.zst\n./.zstdfs-commit-1f\n./d/.zst"));
    }
}
