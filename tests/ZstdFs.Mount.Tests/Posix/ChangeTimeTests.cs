using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>
/// ctime, and a folder's mtime and ctime, move with what users do and with nothing else: no commit, and the same after
/// a remount. On the control, with nothing at all.
/// </summary>
internal sealed class ChangeTimeTests(Ground ground) : GroundTests(ground)
{
    private const string Looks = "stat --cached=never -c '%n %.9Y %.9Z'";

    [TestCase("head -c 10 /dev/urandom > d/f")]
    [TestCase("head -c 3000000 /dev/urandom > d/f")]
    [TestCase("touch d/f")]
    [TestCase("seq 500000 > d/f; echo more >> d/f")]
    [TestCase("seq 500000 > d/f; chmod 600 d/f; touch -d @1000000000 d/f")]
    [TestCase("seq 500000 > d/f; ln d/f d/g; seq 400000 > d/g")]
    [TestCase("seq 10 > d/f; mv d/f d/g; setfattr -n user.a -v b d/g; ln d/g d/f")]
    [TestCase(
        "python3 -c 'import os; f = os.open(\"d/f\", os.O_RDWR | os.O_CREAT); os.fchmod(f, 0o600); "
        + "os.write(f, b\"x\" * 3000000); os.utime(f, (1, 1)); os.ftruncate(f, 2000000)'")]
    public void Commit_MovesNoTime(string write)
    {
        Bash($"mkdir d && {write}");
        string before = Look("d d/*");
        // Attributes once more where it is known how the kernel got them: after the commit, and beside it.
        for (int i = 0; i < 5; i++)
            Assert.That(Look("d d/*"), Is.EqualTo(before), $"look {i}");
        Synchronize();
        Assert.That(Look("d d/*"), Is.EqualTo(before), "after the commit");
        Assert.That(Bash("for f in d/*; do cat $f; done | wc -c"), Is.Not.Empty);
        Assert.That(Look("d d/*"), Is.EqualTo(before), "after it was read");
        Remount();
        Assert.That(Look("d d/*"), Is.EqualTo(before), "after a remount");
    }

    /// <summary>ext4 does nothing then, others may move the change time: the mount does what its source does.</summary>
    [TestCase("echo content > f", "f")]
    [TestCase("seq 500000 > f", "f")]
    [TestCase("echo content > f; exec 5<f", "f")]
    [TestCase("echo content > f; exec 5>>f; echo more >&5", "f")]
    [TestCase("mkdir d; echo content > d/f", "d")]
    public void SameAttributeAgain_DoesWithTheChangeTimeWhatTheSourceDoes(string write, string name)
    {
        string control = Directory.CreateDirectory(Path.Combine(SourceParent ?? Outside, "control")).FullName;
        string expected = Shell.Get($"cd '{control}' && touch probe && {Again("probe")}");
        Assert.That(Bash($"{write}; {Again(name)}"), Is.EqualTo(expected));
        Synchronize();
        string before = Look(name);
        Bash($"sleep 0.05; setfattr -n user.a -v one {name}");
        Assert.That(Look(name) == before, Is.EqualTo(expected == "stayed"), "after the commit");
        Remount();
        if (expected == "stayed")
            Assert.That(Look(name), Is.EqualTo(before), "after a remount");
    }

    [Test]
    public void EmptyFile_KeepsTheTimesThatItWasMadeWith() => Python(
        """
        import os, time
        os.mkdir("d")
        def look(status): return status.st_mtime_ns, status.st_ctime_ns
        made = {}
        for i in range(20):
            fd = os.open(f"d/{i}", os.O_CREAT | os.O_WRONLY)
            made[i] = look(os.fstat(fd))
            os.close(fd)
        time.sleep(1.2)
        for i in range(20): assert look(os.stat(f"d/{i}")) == made[i], (i, look(os.stat(f"d/{i}")), made[i])
        """);

    [TestCase(10)]
    [TestCase(3_000_000)]
    public void RewritesInALoop_MoveNoTimeBetweenThem(int size)
    {
        // Looks at a file and its folder all the time while commits come.
        Python(
            $$"""
            import os, subprocess, time
            def look(path):
                s = os.stat(path)
                return s.st_mtime_ns, s.st_ctime_ns
            os.mkdir("d")
            for i in range(4):
                for name in "abc":
                    fd = os.open("d/" + name, os.O_RDWR | os.O_CREAT, 0o644)
                    os.pwrite(fd, os.urandom({{size}}), 0)
                    os.close(fd)
                if i == 0:
                    folder = look("d")
                before = [look("d/" + name) for name in "abc"]
                end = time.monotonic() + 1.3
                while time.monotonic() < end:
                    assert [look("d/" + name) for name in "abc"] == before, (i, before)
                    assert look("d") == folder, (i, folder, look("d"))
                    time.sleep(0.01)
            """);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void EveryChange_MovesTheTimeAtOnce(bool committed)
    {
        Bash("mkdir d && seq 100 > f && seq 500000 > h && touch g && ln -s f s");
        foreach ((string change, string before, string after) in new[]
        {
            ("chmod 600 f", "f", "f"), ("chmod 640 h", "h", "h"), ("echo b >> f", "f", "f"),
                ("touch -d @1000000000 f", "f", "f"), ("touch -a f", "f", "f"),
            ("setfattr -n user.a -v b f", "f", "f"), ("setfattr -x user.a f", "f", "f"), ("ln f f2", "f", "f2"),
                ("rm f2", "f", "f"), ("mv f f3", "f", "f3"), ("mv f3 f", "f3", "f"),
            ("truncate -s 50 f", "f", "f"), ("printf x | dd of=h conv=notrunc status=none", "h", "h"),
                ("mv h h2", "h", "h2"), ("mv h2 h", "h2", "h"),
            ("touch d/x", "d", "d"), ("rm d/x", "d", "d"), ("chmod 700 d", "d", "d"), ("mv d e", "d", "e"),
                ("mv e d", "e", "d"), ("touch d", "d", "d"), ("chmod 600 g", "g", "g"),
        })
        {
            if (committed)
                Synchronize();
            string earlier = Change(before);
            Bash(change);
            string moved = Change(after);
            Assert.That(moved, Is.Not.EqualTo(earlier), change);
            Synchronize();
            Assert.That(Change(after), Is.EqualTo(moved), change + ": afterwards");
        }
        string last = Look("f h g d s");
        Remount();
        Assert.That(Look("f h g d s"), Is.EqualTo(last));
    }

    [Test]
    public void FailedChange_MovesNothing()
    {
        Bash("mkdir d && echo a > d/f && echo b > d/g && seq 500000 > d/h");
        string before = Look("d/f d/g d/h");
        TryBash("setfattr -x user.none d/f; ln d/f d/g; mv -T d/f d; setfattr -x user.none d/h; rmdir d; mkdir d/f");
        Assert.That(Look("d/f d/g d/h"), Is.EqualTo(before));
        Synchronize();
        Assert.That(Look("d/f d/g d/h"), Is.EqualTo(before));
    }

    [Test]
    public void TarOfFilesJustWritten_SeesNoneChange() => Tar(3);

    [Test]
    [Category("Long")]
    public void TarOfFilesJustWritten_SeesNoneChange_FiftyTimes() => Tar(50);

    [Test]
    public void Checkout_IsClean() => Git(2);

    [Test]
    [Category("Long")]
    public void Checkout_IsClean_FiftyTimes() => Git(50);

    private void Tar(int rounds) => Bash(
        $$"""
        mkdir t
        for i in $(seq {{rounds}}); do
          for f in $(seq 8); do head -c $((f * 100000)) /dev/urandom > t/f$f; done
          head -c 3000000 /dev/urandom > t/large; head -c 5000000 /dev/urandom > t/larger; echo $i > t/small
          touch t/new$i
          tar -cf - t | tail -c 1M > /dev/null
          echo more >> t/larger; echo more >> t/f3
          tar -cf - t | tail -c 1M > /dev/null
        done
        """, TimeSpan.FromMinutes(8));

    private void Git(int rounds) => Bash(
        $$"""
        export HOME="$outside"
        git init -q . && git config user.email a@b.c && git config user.name n
        mkdir sub
        for f in $(seq 20); do seq $((f * 5000)) > sub/f$f; done; head -c 4000000 /dev/urandom > large
        git add -A && git commit -qm one
        for f in $(seq 3 20); do seq $f $((f * 4000)) > sub/f$f; done; head -c 4100000 /dev/urandom > large
        git add -A && git commit -qm two
        # git compares whole seconds: the checkout ends in another one than it began in.
        late() { local now=$((10#${EPOCHREALTIME#*.})); sleep $(printf 0.%06d $(((2000000 - $1 - now) % 1000000))); }
        for i in $(seq {{rounds}}); do
          late $((i % 5 * 30000 + 30000)); git checkout -q HEAD~1 && git diff-index --quiet HEAD
          sleep 0.4; git diff-index --quiet HEAD
          late $((i % 7 * 20000 + 30000)); git checkout -q - && git diff-index --quiet HEAD
          sleep 0.4; git diff-index --quiet HEAD
        done
        """, TimeSpan.FromMinutes(8));

    // The clock of a file system may have ticks of some milliseconds.
    private static string Again(string name) =>
        $"setfattr -n user.a -v one {name}; before=$({Looks} {name}); sleep 0.05; "
        + $"setfattr -n user.a -v one {name}; [ \"$before\" = \"$({Looks} {name})\" ] && echo stayed || echo moved";

    private string Look(string names) => Bash($"{Looks} {names}");

    private string Change(string name) => Bash($"stat --cached=never -c %.9Z {name}");

    private void Synchronize()
    {
        if (OnMount)
            Assert.That(Mounted.Program("sync", Folder).ExitCode, Is.Zero);
    }
}
