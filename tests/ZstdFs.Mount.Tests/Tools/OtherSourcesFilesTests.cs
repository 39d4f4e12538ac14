using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>
/// Files of one source that were copied or moved into another folder with their attributes: they are files that were
/// found there, and the way back leaves them.
/// </summary>
[TestFixture]
internal sealed class OtherSourcesFilesTests
{
    private ToolFolder _folder = null!;
    private string _other = "";

    [SetUp]
    public void MakeFolders()
    {
        _folder = new ToolFolder();
        _other = Directory.CreateDirectory(Path.Combine(_folder.Path, "other")).FullName;
        Shell.Get($"cd '{_other}' && seq 3 > a && seq 900000 > b && seq 5 > c && seq 6 > d");
        ToolFolder.Require(0, $"convert '{_other}'");
        _folder.InTree("seq 7 > plain");
    }

    [TearDown]
    public void RemoveFolders() => _folder.Dispose();

    /// <summary>a and b are copied, c is moved: its record names this very file.</summary>
    private void Bring() => _folder.InTree("cp -a ../other/[ab].zst . && mv ../other/c.zst . && "
        + "cp -a . ../kept");

    private string Names => _folder.InTree("ls -A");

    [Test]
    public void TheyCountAsFound([Values] bool later, [Values] bool visited)
    {
        if (!later)
            Bring();
        string said = ToolFolder.Require(0, $"convert '{_folder.Tree}'").Error;
        if (later)
            Bring();
        else
            Assert.That(said, Does.Contain("3 .zst files are there already: 'a.zst', 'b.zst', 'c.zst'; "));
        if (visited)
            Mounted(mount => Assert.That(Shell.Get($"cd '{mount}' && wc -l < b && cat a c > /dev/null; ls -i | wc -l"),
                Is.EqualTo("900000\n4")));
        Assert.That(ToolFolder.Require(0, $"convert '{_folder.Tree}'").Error,
            Does.Contain("3 .zst files are there already"));
        Assert.That(ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'").Error,
            Does.Contain("reverted 1 files, 3 .zst files stay"));
        Assert.That(Names, Is.EqualTo("a.zst\nb.zst\nc.zst\nplain"));
        const string Records = "getfattr -d -m user.zstdfs -e hex [abc].zst";
        _folder.InTree("for f in *.zst; do cmp $f ../kept/$f || exit 1; done");
        if (!visited)
            Assert.That(_folder.InTree(Records), Is.EqualTo(Shell.Get($"cd '{_folder.Path}/kept' && {Records}")),
                "the records of the other source are not this one's to take away");
    }

    [Test]
    public void Wrapped_ThereAndBack()
    {
        Bring();
        Assert.That(ToolFolder.Require(0, $"convert --existing-zst=wrap '{_folder.Tree}'").Error,
            Does.Contain("3 .zst files are there already").And.Contain("converted 4 files"));
        Assert.That(Names, Is.EqualTo(".zstdfs\na.zst.zst\nb.zst.zst\nc.zst.zst\nplain.zst"));
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        _folder.InTree("for f in *.zst; do cmp $f ../kept/$f || exit 1; done");
        Assert.That(Names, Is.EqualTo("a.zst\nb.zst\nc.zst\nplain"));
    }

    [Test]
    public void WhatThisSourceWritesOfThem_BecomesItsOwn()
    {
        Bring();
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        Mounted(mount => Shell.Get($"echo more >> '{mount}/a' && echo more >> '{mount}/c'"));
        ToolFolder.Require(0, $"recompress --level 19 --include b '{_folder.Tree}'");
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(_folder.InTree("ls -A; tail -n 1 a c b"),
            Is.EqualTo("a\nb\nc\nplain\n==> a <==\nmore\n\n==> c <==\nmore\n\n==> b <==\n900000"));
    }

    /// <summary>Its whole name is in an attribute that a wrapped file would have for itself.</summary>
    [Test]
    public void FileWithAShortenedName_IsNotWrapped()
    {
        const string Name = "getfattr --only-values -n user.zstdfs.name ./*%*.zst | wc -c";
        Shell.Get($"cd '{_other}' && seq 3 > $(printf '%0253d' 1)");
        ToolFolder.Require(0, $"convert '{_other}'");
        _folder.InTree("cp -a ../other/*%*.zst .");
        string said = ToolFolder.Require(8, $"convert --existing-zst=wrap '{_folder.Tree}'").Error;
        Assert.That(said, Does.Contain("user.zstdfs.name").And.Contain("converted 1 files, 1 left"));
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(_folder.InTree($"{Name}; ls | wc -l"), Is.EqualTo("254\n2"));
    }

    /// <summary>With its state, a copy of a source is that source.</summary>
    [Test]
    public void CopyOfAWholeSource_IsRevertedAsThatSource([Values] bool visited)
    {
        Shell.Get($"rmdir '{_folder.Tree}' 2> /dev/null; rm -rf '{_folder.Tree}' && cp -a '{_other}' '{_folder.Tree}'");
        if (visited)
            Mounted(mount => Shell.Get($"cd '{mount}' && cat * > /dev/null"));
        ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'");
        Assert.That(Names, Is.EqualTo("a\nb\nc\nd"));
    }

    /// <summary>Without the state nothing tells which source's files they are: all that was written counts.</summary>
    [Test]
    public void SourceWhoseStateIsGone_IsRevertedWhole()
    {
        Shell.Get($"rm '{_other}/.zstdfs/state'");
        ToolFolder.Require(0, $"convert --revert '{_other}'");
        Assert.That(Shell.Get($"ls -A '{_other}'"), Is.EqualTo("a\nb\nc\nd"));
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
}
