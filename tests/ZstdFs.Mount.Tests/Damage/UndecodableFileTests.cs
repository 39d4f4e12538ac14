using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>
/// A file whose content cannot be decoded takes nothing but its content away: it is listed, looked up, renamed, linked,
/// given attributes, written anew and removed like any other. Reading it is an error, and the log names it.
/// </summary>
[TestFixtureSource(typeof(UndecodableFile), nameof(UndecodableFile.All))]
internal sealed class UndecodableFileTests(UndecodableFile kind)
{
    private MountedFolder? _folder;
    private string _name = "";

    private bool IsReadable => kind.User == ShellUser.Same;

    [OneTimeSetUp]
    public void MountIt()
    {
        _folder = MountedFolder.Create(new MountSetup { User = kind.User, Options = ["--cache-timeout=0"] });
    }

    [OneTimeTearDown]
    public void Unmount() => _folder?.Dispose();

    [SetUp]
    public void MakeFile()
    {
        _name = TestContext.CurrentContext.Test.MethodName!;
        kind.Make($"{_folder!.Source}/{_name}");
    }

    [Test]
    public void Listing_ShowsItBesideTheOthers()
    {
        Assert.That(Bash("ls; find . -type f | sort; ls -l | grep -c -- '^-'"), Is.EqualTo("f\ngood\n./f\n./good\n2"));
        Assert.That(Bash(
            "python3 -c 'import os; print(sorted((e.name, e.is_file(), e.stat().st_nlink, e.inode() == "
            + "e.stat().st_ino) for e in os.scandir(\".\")))'"),
            Is.EqualTo("[('f', True, 1, True), ('good', True, 1, True)]"));
    }

    [Test]
    public void Reading_FailsAndTheLogNamesTheFile()
    {
        Assert.That(Bash("cat good"), Is.EqualTo("good"));
        ShellResult read = Run("cat f > /dev/null");
        Assert.That(read.ExitCode, Is.Not.Zero, read.ToString);
        Assert.That(read.Error, Does.Contain(kind.Error));
        Assert.That(_folder!.Log.Split('\n'), Has.Some.Contains("/f").And.Contains(kind.Logged), _folder.Log);
        Assert.That(_folder.Log, Does.Not.Contain("''"));
        if (kind.Logged.StartsWith("needs", StringComparison.Ordinal))
            Assert.That(_folder.Log, Does.Not.Contain("damaged").And.Contain("intact"));
    }

    [Test]
    public void Attributes_AreSetAndShown()
    {
        Bash("chmod 604 f; chmod 640 f; touch -m -d @1234567890.5 f; touch -a -d @1234567891.25 f; "
            + "[ \"$(stat -c '%a %.9Y %.9X' f)\" = '640 1234567890.500000000 1234567891.250000000' ]; chmod 000 f; "
            + "[ $(stat -c %a f) = 0 ]");
        if (IsReadable)
            Bash("chown 12:34 f; [ $(stat -c %u:%g f) = 12:34 ]");
        Assert.That(Shell.Get($"stat -c '%a %.9Y' '{_folder!.Source}/{_name}/f.zst'"),
            Is.EqualTo("0 1234567890.500000000"));
    }

    [Test]
    public void ExtendedAttributes_AreSetShownAndRemoved()
    {
        Bash("chmod 600 f; setfattr -n user.note -v kept f; [ \"$(getfattr --only-values -n user.note f)\" = kept ]; "
            + "getfattr -d f | grep -q note; setfattr -x user.note f; ! getfattr -d f | grep -q note");
        Bash("setfacl -m u:12345:rw f; getfacl f | grep -q '^user:12345:rw-$'");
    }

    [Test]
    public void Renaming_WorksBothWays()
    {
        Bash("number=$(stat -c %i f); mv f g; [ $(stat -c %i g) = $number ]; ! [ -e f ]; mkdir sub; mv g sub/f; "
            + "mv sub/f f; mv f good; [ $(stat -c %i good) = $number ]; [ \"$(ls)\" = $'good\\nsub' ]");
        Assert.That(Run("cat good").ExitCode, Is.Not.Zero);
    }

    [Test]
    public void RenamingOverIt_ReplacesIt() =>
        Assert.That(Bash("echo new > new; mv new f; cat f; mv good f; ls; cat f"), Is.EqualTo("new\nf\ngood"));

    [Test]
    public void Exchanging_SwapsTheNames()
    {
        const string Swap = "import ctypes, sys; l = ctypes.CDLL(None, use_errno=True); "
            + "sys.exit(l.renameat2(-100, b\"f\", -100, b\"good\", 2))";
        Assert.That(Bash($"number=$(stat -c %i f); python3 -c '{Swap}'; [ $(stat -c %i good) = $number ]; cat f"),
            Is.EqualTo("good"));
    }

    [Test]
    public void Linking_MakesAnotherName() =>
        Assert.That(Bash("ln f h; [ $(stat -c %i f) = $(stat -c %i h) ]; stat -c %h f h; ls; rm f; stat -c %h h"),
            Is.EqualTo("2\n2\nf\ngood\nh\n1"));

    [Test]
    public void EmptyingAndWriting_GivesItNewContent()
    {
        Bash("[ -r f ] || chmod 600 f");
        Bash("number=$(stat -c %i f); seq 1000 > f; [ $(stat -c %i f) = $number ]; seq 1000 | cmp - f");
        _folder!.Program("sync", _folder.Mount);
        Shell.Get($"zstd -qdc '{_folder.Source}/{_name}/f.zst' | cmp - <(seq 1000)");
    }

    [Test]
    public void TruncatingToNothing_LeavesAnEmptyFile()
    {
        Bash("[ -r f ] || chmod 600 f");
        Assert.That(Bash("truncate -s 0 f; stat -c %s f; cat f; echo more >> f; cat f"), Is.EqualTo("0\nmore"));
    }

    [Test]
    public void Removing_RemovesIt() => Assert.That(Bash("rm -f f; ls"), Is.EqualTo("good"));

    [Test]
    public void RemovingTheFolder_RemovesIt()
    {
        Bash("cd ..; rm -rf " + _name + "; ! [ -e " + _name + " ]");
        Assert.That(Directory.Exists($"{_folder!.Source}/{_name}"), Is.False);
    }

    [Test]
    public void OpenUnlinked_IsClosedAsAnyOther()
    {
        if (!IsReadable)
            Bash("chmod 600 f");
        Bash("exec 3<> f; rm f; stat -L -c %h /dev/fd/3; echo x >&3 || true; exec 3>&-; [ \"$(ls)\" = good ]");
    }

    private string Bash(string script)
    {
        ShellResult result = Run("set -euo pipefail; " + script);
        Assert.That(result.ExitCode, Is.Zero, () => $"{script}\n{result}");
        return result.Text;
    }

    private ShellResult Run(string script) =>
        Shell.Run($"cd '{_folder!.Mount}/{_name}' && {{ {script}; }}", user: kind.User);
}
