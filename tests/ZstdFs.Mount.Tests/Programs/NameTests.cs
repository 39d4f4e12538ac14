using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>Names at the limits: of every byte, and of every length.</summary>
internal sealed class NameTests(Ground ground) : GroundTests(ground)
{
    private const int Longest = 255;

    [Test]
    public void LongestFileName_Works()
    {
        Bash($"name=$(printf 'x%.0s' $(seq {Longest})); echo content > $name && mv $name b && mv b $name && "
            + "[ \"$(cat $name)\" = content ] && echo more >> $name && [ \"$(ls)\" = $name ]");
        AssertKept();
    }

    [TestCase("echo content > $name")]
    [TestCase("touch $name")]
    [TestCase("mv here $name")]
    public void LongerFileName_IsTooLong(string command)
    {
        ShellResult result = TryBash($"touch here && name=$(printf 'x%.0s' $(seq {Longest + 1})); {command}");
        Assert.That(result.ExitCode, Is.Not.Zero);
        Assert.That(result.Error, Does.Contain("File name too long"));
        Assert.That(Bash("ls"), Is.EqualTo("here"));
    }

    [Test]
    public void LongestFolderAndLinkNames_Work()
    {
        Bash($"name=$(printf 'd%.0s' $(seq {Longest})); mkdir $name && echo x > $name/f && "
            + $"ln -s $name/f ${{name/d/l}} && [ \"$(cat ${{name/d/l}})\" = x ]");
        AssertKept();
    }

    [Test]
    public void NamesThatAreNotUtf8_AreKeptAsBytes()
    {
        Bash("mkdir $'d\\xff\\xfe' && echo one > $'d\\xff\\xfe/f\\x80' && echo two > $'\\xc3\\x28' && "
            + "ln -s $'d\\xff\\xfe/f\\x80' $'l\\xa0' && [ \"$(cat $'l\\xa0')\" = one ] && "
            + "mv $'\\xc3\\x28' $'\\xe2\\x82'");
        Assert.That(Bash("ls -A | od -An -tx1 | tr -d ' \\n'"), Is.EqualTo("64fffe0a6ca00ae2820a"));
        AssertKept();
    }

    [Test]
    public void OddNames_AreNamesLikeOthers()
    {
        Bash("for name in ' ' $'a\\nb' $'tab\\t' '*' '-rf' '.hidden' '...' 'a.zst' 'a.zst.zst' '.zst' '\\' '\"' \"'\" "
            + "'ü' 'ü.zst' '.zstdfs.' 'a.tmp' '~'; do echo \"$name\" > ./\"$name\" && "
            + "[ \"$(cat ./\"$name\")\" = \"$name\" ]; done");
        Assert.That(Bash("ls -A -1 --zero | tr -dc '\\0' | wc -c"), Is.EqualTo("18"));
        AssertKept();
    }

    [Test]
    public void EveryByte_IsAName()
    {
        Python(
            """
            import os
            names = sorted(bytes([i]) for i in range(1, 256) if i not in b"./")
            for name in names:
                with open(name, "wb") as f: f.write(name)
            assert sorted(os.listdir(b".")) == names
            for name in names:
                with open(name, "rb") as f: assert f.read() == name
            """);
        AssertKept();
    }

    [Test]
    public void DeepPath_IsReachedStepByStep()
    {
        Python(
            """
            import os
            for i in range(100):
                os.mkdir("d" * 50); os.chdir("d" * 50)
            with open("f", "w") as f: f.write("deep")
            assert len(os.getcwd()) > 5000
            with open("f") as f: assert f.read() == "deep"
            """);
        Bash("rm -r *");
    }

    [Test]
    public void NameOneByteTooLong_IsRefusedByEveryCallThatTakesAName()
    {
        Python(
            $$"""
            import errno, os
            longest, n = "n" * {{Longest}}, "n" * ({{Longest}} + 1)
            assert os.statvfs(".").f_namemax == len(longest)
            open("f", "w").close(); os.mkdir("d")
            def refuses(what, call):
                try: call()
                except OSError as e: assert e.errno == errno.ENAMETOOLONG, (what, e)
                else: assert False, what
            refuses("stat", lambda: os.stat(n))
            refuses("open", lambda: os.open(n, os.O_RDONLY))
            refuses("create", lambda: os.open(n, os.O_CREAT | os.O_WRONLY))
            refuses("chmod", lambda: os.chmod(n, 0o600))
            refuses("chown", lambda: os.chown(n, 0, 0))
            refuses("lchown", lambda: os.lchown(n, 0, 0))
            refuses("truncate", lambda: os.truncate(n, 0))
            refuses("unlink", lambda: os.unlink(n))
            refuses("rmdir", lambda: os.rmdir(n))
            refuses("mkdir", lambda: os.mkdir(n))
            refuses("symlink", lambda: os.symlink("f", n))
            refuses("mkfifo", lambda: os.mkfifo(n))
            refuses("readlink", lambda: os.readlink(n))
            refuses("link from", lambda: os.link(n, "g"))
            refuses("link to", lambda: os.link("f", n))
            refuses("rename from", lambda: os.rename(n, "g"))
            refuses("rename to", lambda: os.rename("f", n))
            refuses("below", lambda: os.stat(n + "/f"))
            os.rename("f", longest); os.rename("d", "d" * {{Longest}})
            """);
        AssertKept();
    }
}
