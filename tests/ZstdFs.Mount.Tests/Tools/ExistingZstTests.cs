using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>
/// <c>zstdfs convert</c> of folders that hold .zst files of their owner's, and names that meet in a source: there and
/// back is the identity.
/// </summary>
[TestFixture]
internal sealed class ExistingZstTests
{
    private ToolFolder _folder = null!;

    // In the future, so that relatime lets the checks read without moving them.
    private const string SetAccessTimes = "find . -type f -exec touch -a -d '2035-05-05 05:05:05.555555555' {} +";

    [SetUp]
    public void MakeFolder() => _folder = new ToolFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    /// <summary>
    /// Files of the owner's, some of which are no zstd at all, hard links, times and attributes; folders, links and
    /// pipes that want stored files' names; long names.
    /// </summary>
    private void Make(bool withBothForms)
    {
        _folder.InTree(
            """
            mkdir -p p/q own.zst deep.zst/inner.zst
            seq 1 3000 > data; seq 1 5000 | zstd -q > module.ko.zst; tar c data | zstd -q > p/pkg.tar.zst
            echo 'no zstd' > p/q/odd.zst; : > empty.zst
            seq 1 200 | zstd -q > .hidden.zst; echo one | zstd -q | zstd -q > twice.zst.zst
            ln p/pkg.tar.zst p/q/link.zst
            setfattr -n user.comment -v mine module.ko.zst; chmod 640 module.ko.zst
            touch -d '1999-01-02 03:04:05.6789' p/pkg.tar.zst
            echo f > own; echo f > own.zst/file; seq 9 | zstd -q > own.zst/mine.zst; echo f > deep.zst/inner
            echo g > deep.zst/inner.zst/inner.zst; ln -s own l.zst; echo f > l; mkfifo pipe.zst; echo f > pipe
            for n in 250 252 255; do
                echo $n > $(printf '%0*d' $n 1)
            done; ln $(printf '%0*d' 252 1) $(printf '%0*d' 254 2)
            mkdir other.zst; ln -s x 'x.zs%z'
            """);
        if (withBothForms)
            _folder.InTree(
                "seq 1 100 > both; seq 1 100 | zstd -q > both.zst; zstd -q < both.zst > both.zst.zst; "
                + "zstd -q < both.zst.zst > both.zst.zst.zst");
        _folder.InTree(
            $"{SetAccessTimes}; find . -depth -type d -exec touch -d '2020-02-02 02:02:02.222222222' {{}} +");
    }

    /// <summary>Looks at the folder through a mount.</summary>
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

    private string Manifest() =>
        ToolFolder.Manifest(_folder.Tree)
            + _folder.InTree("getfattr -R -h -d -m - -e hex . 2>/dev/null | grep -c zstdfs || true");

    [Test]
    public void Wrapped_TheMountShowsTheFolderAsItWas_AndTheWayBackToo()
    {
        Make(withBothForms: true);
        string before = Manifest(), shown = ToolFolder.Manifest(_folder.Tree, withAccessTimes: false);
        ShellResult result = ToolFolder.Require(0, $"convert --existing-zst=wrap '{_folder.Tree}'");
        Assert.That(result.Error,
            Does.Contain(
                "12 .zst files are there already: '.hidden.zst', ").And.Contain("'module.ko.zst'").And.Contain(
                    "a mount shows them as they are"));
        Mounted(mount => Assert.That(ToolFolder.Manifest(mount, withAccessTimes: false), Is.EqualTo(shown)));
        ToolFolder.Require(0, $"check --data '{_folder.Tree}'");
        Assert.That(ToolFolder.Require(0, $"convert --existing-zst=wrap '{_folder.Tree}'").Error,
            Does.Not.Contain("already").And.Contain("converted 0 files"), "nothing is wrapped twice");
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(Manifest(), Is.EqualTo(before));
        Assert.That(Directory.Exists(Path.Combine(_folder.Tree, ".zstdfs")), Is.False);
    }

    [Test]
    public void NamesThatAMountWouldMisread_AreNamedBeforeAnythingHappens(
        [Values("", "--existing-zst=wrap", "--dry-run")] string option)
    {
        const string List = "find . | sort";
        _folder.InTree("mkdir 'a.zs%'; echo f > 'a.zs%/f'; seq 9 | zstd -q > a.zst; ln -s x 'y.zs%%'");
        string before = _folder.InTree(List);
        string said = ToolFolder.Require(8, $"convert {option} '{_folder.Tree}'").Error;
        Assert.That(said, Does.Contain("left: 'a.zs%': ").And.Contain("left: 'y.zs%%': "));
        Assert.That(_folder.InTree(List), Is.EqualTo(before));
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(_folder.InTree(List), Is.EqualTo(before));
    }

    [Test]
    public void FileThatAMountShowsAFolderInsteadOf_IsNotWrapped()
    {
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        _folder.InTree("mkdir 'a.zs%'; seq 9 | zstd -q > a.zst");
        string said = ToolFolder.Require(8, $"convert --existing-zst=wrap '{_folder.Tree}'").Error;
        Assert.That(said, Does.Contain("left: 'a.zst': ").And.Contain("'a.zs%' is there too"));
    }

    [Test]
    public void Shown_TheWayBackLeavesThem([Values] bool visited)
    {
        Make(withBothForms: false);
        string before = Manifest();
        ShellResult result = ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        Assert.That(result.Error, Does.Contain("9 .zst files are there already: ").And.Contain("--existing-zst=wrap"));
        if (visited)
        {
            Mounted(mount => Assert.That(
                Shell.Get(
                    $"cd '{mount}' && (find . -type f -exec md5sum {{}} + > /dev/null 2>&1 || "
                    + "true); cat module.ko | wc -l && tar tf p/pkg.tar && ls -d own.zst own l.zst l pipe.zst"),
                Is.EqualTo("5000\ndata\nl\nl.zst\nown\nown.zst\npipe.zst")));
        }
        Assert.That(ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'").Error,
            Does.Contain(" .zst files stay"));
        Assert.That(Manifest(), Is.EqualTo(before));
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(Manifest(), Is.EqualTo(before), "a second way back changes nothing");
    }

    [Test]
    public void Shown_WhatWasWrittenThroughTheMountBecomesPlain()
    {
        using MountedFolder mounted = MountedFolder.Create(prepare: source =>
        {
            Shell.Get(
                $"cd '{source}' && seq 5 > plain && for f in written moved touched; do seq 3 | zstd -q > $f.zst; "
                + "done && cp touched.zst ../kept");
            ToolFolder.Require(0, $"convert '{source}'");
        });
        Shell.Get(
            $"cd '{mounted.Mount}' && echo more >> written && mv moved elsewhere && touch -d @1000 touched && "
            + "chmod 600 touched && echo new > new && ls > /dev/null");
        mounted.Unmount();
        ToolFolder.Require(0, $"convert --revert '{mounted.Source}'");
        Assert.That(Shell.Get(
            $"cd '{mounted.Source}' && ls && tail -1 written && cmp touched.zst ../kept && "
            + "cmp elsewhere.zst ../kept && stat -c '%a %Y' touched.zst"),
            Is.EqualTo("elsewhere.zst\nnew\nplain\ntouched.zst\nwritten\nmore\n600 1000"));
    }

    [Test]
    public void Wrapped_KilledAtAnyMoment_IsWrappedOnce()
    {
        Make(withBothForms: true);
        _folder.InTree($"mkdir many && {ToolFolder.Sequences(300, "many/", "i", "900")} && "
            + $"zstd -q many/* && touch many/*.zst; {SetAccessTimes}");
        string before = Manifest();
        for (int attempt = 0; attempt < 6; attempt++)
            ToolFolder.Program($"convert --existing-zst=wrap --jobs 1 '{_folder.Tree}'",
                before: $"timeout -s KILL 0.{2 + attempt}");
        ToolFolder.Require(0, $"convert --existing-zst=wrap '{_folder.Tree}'");
        Assert.That(
            _folder.InTree(
                "ls many | grep -vc 'zst$' || true; ls many | wc -l; zstd -qdc many/7.zst.zst | zstd -qdc | "
                + "cmp - <(zstd -qdc many/7.zst)"),
            Is.EqualTo("0\n600"));
        for (int attempt = 0; attempt < 6; attempt++)
            ToolFolder.Program($"convert --revert --jobs 1 '{_folder.Tree}'",
                before: $"timeout -s KILL 0.{2 + attempt}");
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(Manifest(), Is.EqualTo(before));
    }

    /// <summary>
    /// A .zst file of the owner's is no other form of the file that would get its name: neither gives way to the other.
    /// </summary>
    [Test]
    public void RevertedOntoAFoundFile_BothStay([Values("keep-plain", "keep-compressed", "skip")] string choice)
    {
        _folder.InTree("echo o > o; echo found | zstd -q > a.zst");
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        Mounted(mount => Shell.Get($"echo new > '{mount}/a.zst'"));
        ShellResult reverted = ToolFolder.Require(8, $"convert --revert --on-conflict {choice} '{_folder.Tree}'");
        Assert.That(reverted.Error, Does.Contain("a.zst.zst").And.Not.Contain("--on-conflict"));
        Assert.That(Shell.Get($"cd '{_folder.Tree}' && zstd -qdc a.zst && zstd -qdc a.zst.zst && cat o"),
            Is.EqualTo("found\nnew\no"));
    }

    [Test]
    public void WrappedBesideAFileThatWantsItsName_BothStay(
        [Values("keep-plain", "keep-compressed")] string choice, [Values] bool isOpen)
    {
        _folder.InTree("seq 1000 > a; echo found | zstd -q > a.zst");
        // What is too small, or open for writing, is not wrapped in this run.
        string which = isOpen ? "" : "--min-size 1000";
        ToolFolder.Require(8, $"convert --existing-zst=wrap {which} --on-conflict {choice} '{_folder.Tree}'",
            before: isOpen ? $"exec 7>>'{_folder.Tree}/a.zst';" : "");
        Assert.That(Shell.Get($"cd '{_folder.Tree}' && zstd -qdc a.zst && cmp a <(seq 1000)"), Is.EqualTo("found"));
    }

    [Test]
    public void DryRun_NamesThemToo()
    {
        _folder.InTree("seq 9 > a; seq 9 | zstd -q > b.zst; mkdir x; for i in $(seq 20); do cp b.zst x/$i.zst; done; "
            + SetAccessTimes);
        string before = Manifest();
        ShellResult result = ToolFolder.Require(0, $"convert --dry-run --json '{_folder.Tree}'");
        Assert.That(result.Error,
            Does.Contain("21 .zst files are there already: 'b.zst', ").And.Contain("and 11 more"));
        Assert.That(result.Output, Does.Contain("\"existingZst\": 21"));
        Assert.That(Manifest(), Is.EqualTo(before));
        ToolFolder.Require(2, $"convert --existing-zst=decode '{_folder.Tree}'");
        ToolFolder.Require(2, $"convert --revert --existing-zst=wrap '{_folder.Tree}'");
    }
}
