using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>chattr +a: what is appended through the mount reaches the stored file, which keeps the mark.</summary>
internal sealed class AppendOnlyTests(Ground ground) : FlaggedGroundTests(ground)
{
    [TestCase(100)]
    [TestCase(4_000_000)]
    public void AppendOnlyFile_GrowsAgainAndAgain(int bytes)
    {
        RequireFlags();
        Bash($"echo start > f; chattr +a f; for i in 1 2 3; do head -c {bytes} /dev/zero | tr '\\0' $i >> f; sync f; "
            + "done");
        Assert.That(Bash("stat -c %s f; lsattr f | cut -d' ' -f1 | tr -d -- -e"), Is.EqualTo($"{6 + 3 * bytes}\na"));
        Remount();
        Assert.That(Bash("stat -c %s f; lsattr f | cut -d' ' -f1 | tr -d -- -e; head -c 5 f"),
            Is.EqualTo($"{6 + 3 * bytes}\na\nstart"));
        Bash("chattr -a f; rm f");
    }

    [TestCase(5)]
    [TestCase(200_000)]
    [TestCase(700_000)]
    public void NewFileThatBecomesAppendOnlyWhileItIsOpen_TakesItsFirstContent(int bytes)
    {
        RequireFlags();
        Bash($"exec 5>>f; chattr +a f; head -c {bytes} /dev/zero >&5; sync f; exec 5>&-");
        Assert.That(Bash("stat -c %s f; lsattr f | cut -d' ' -f1 | tr -d -- -e"), Is.EqualTo($"{bytes}\na"));
        Remount();
        Assert.That(Bash("stat -c %s f"), Is.EqualTo($"{bytes}"));
        Bash("chattr -a f; rm f");
    }

    /// <summary>A file of several names is rewritten in place, which the source refuses while the mark is on.</summary>
    [TestCase(100)]
    [TestCase(4_000_000)]
    public void AppendOnlyFileOfSeveralNames_GrowsUnderEachOfThem(int bytes)
    {
        RequireFlags();
        Bash("echo start > f; ln f g; chattr +a f");
        foreach (string name in new[] { "f", "g", "f" })
        {
            Bash($"head -c {bytes} /dev/zero | tr '\\0' {name} >> {name}; sync {name}");
            AssertStored("g", "start");
            if (name == "g")
                Remount();
        }
        Assert.That(Bash("stat -c '%s %h' f g; lsattr f g | cut -d' ' -f1 | tr -d -- -e"),
            Is.EqualTo($"{6 + 3 * bytes} 2\n{6 + 3 * bytes} 2\na\na"));
        string times = Bash("stat -c '%.9Y %.9Z' f");
        Remount();
        Assert.That(Bash("stat -c %s g; stat -c '%.9Y %.9Z' g; head -c 5 g"),
            Is.EqualTo($"{6 + 3 * bytes}\n{times}\nstart"));
        Bash("chattr -a f; rm f g");
    }

    /// <summary>No name can be replaced there.</summary>
    [TestCase("a", 100)]
    [TestCase("i", 100)]
    [TestCase("a", 4_000_000)]
    public void AppendOnlyFileInAFlaggedFolder_Grows(string flag, int bytes)
    {
        RequireFlags();
        Bash($"mkdir d; echo start > d/f; chattr +a d/f; chattr +{flag} d");
        for (int i = 0; i < 2; i++)
        {
            Bash($"head -c {bytes} /dev/zero | tr '\\0' x >> d/f; sync d/f");
            AssertStored("d/f", "start");
            Remount();
        }
        Assert.That(Bash("stat -c %s d/f; lsattr d | cut -d' ' -f1 | tr -d -- -e; head -c 5 d/f"),
            Is.EqualTo($"{6 + 2 * bytes}\na\nstart"));
        Bash($"chattr -{flag} d; chattr -a d/f; rm -r d");
    }

    /// <summary>Everything is in the source, and the stored file has its mark.</summary>
    private void AssertStored(string name, string start)
    {
        if (!OnMount)
            return;
        ShellResult synced = Mounted.Program("sync", Folder);
        Assert.That(synced.ExitCode, Is.Zero, () => $"{synced}\n{Mounted.Log}");
        string stored = $"{Mounted.Source}/{name}.zst";
        Assert.That(Shell.Get($"zstd -dc '{stored}' | wc -c"), Is.EqualTo(Bash($"stat -c %s {name}")));
        Assert.That(Shell.Get($"zstd -dc '{stored}' | head -c {start.Length}"), Is.EqualTo(start));
        Assert.That(Shell.Get($"lsattr '{stored}' | cut -d' ' -f1 | tr -d -- -e"), Is.EqualTo("a"));
        Assert.That(Shell.Get($"ls '{Mounted.Source}/.zstdfs/working'"), Is.Empty);
    }
}
