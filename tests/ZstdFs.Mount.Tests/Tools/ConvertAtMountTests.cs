using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>
/// <c>mount --plain=convert</c>: to those who use the mount nothing happens, and in the source plain files become
/// stored ones.
/// </summary>
[TestFixture]
internal sealed class ConvertAtMountTests
{
    private static readonly int Kills =
        int.TryParse(Environment.GetEnvironmentVariable("ZSTDFS_TEST_KILLS"), out int kills) ? kills : 3;

    private const string Inodes = "find . -type f -printf '%i %n %s %T@ %m %U %p\\n' | sort -k 7";
    private const string Old = "find . -exec touch -h -d '2020-02-02 02:02:02.123456789' {} +";

    private static MountSetup Setup(params string[] more) => new() { Options = ["--plain=convert", .. more] };

    private static MountedFolder Mounted(string prepare, params string[] more) =>
        MountedFolder.Create(Setup(more), source => Shell.Get($"cd '{source}' && {prepare}; {Old}"));

    private static bool BecomeStored(MountedFolder folder, string names, TimeSpan? limit = null) =>
        Waiting.For(() => Shell.Run($"cd '{folder.Source}' && for n in {names}; do test -e $n.zst && test ! -e $n || "
            + "exit 1; done").ExitCode == 0, limit);

    /// <summary>
    /// A program that opens a file as descriptor 3, waits for <see cref="LetGo"/>, and then does the rest.
    /// </summary>
    private static Daemon User(MountedFolder folder, string open, string rest)
    {
        var user = new Daemon(
            ["bash", "-c", $"exec 3{open}; echo ready; {ToolFolder.Await(GoAhead(folder))}; sleep 1; {rest}"],
            ShellUser.Same);
        Assert.That(Waiting.For(() => user.Log == "ready\n"), () => user.Log);
        return user;
    }

    private static void LetGo(MountedFolder folder) => File.WriteAllText(GoAhead(folder), "");

    private static string GoAhead(MountedFolder folder) => folder.Source + ".go";

    [Test]
    public void LookedUp_TheyBecomeStored_AndNothingThatUsersSeeMoves()
    {
        using MountedFolder folder = Mounted(
            "mkdir d; for i in $(seq 1 200); do seq $i $((i * 20)) > d/f$i; done; seq 1 900000 > big; : > empty; "
            + "truncate -s 3M holes; setfattr -n user.mine -v kept big; chmod 640 big; chown 12:34 d/f1");
        string before = Shell.Get(
            $"cd '{folder.Mount}' && {Inodes}; find . -type f | sort | xargs sha256sum; stat -c '%n %Y %i' . d");
        Assert.That(BecomeStored(folder, "big empty holes d/f1 d/f200"), () => folder.Log);
        Assert.That(Waiting.For(() => Shell.Get(
            $"cd '{folder.Source}' && find . -path ./.zstdfs -prune -o -type f ! -name '*.zst' -print").Length == 0));
        string after = Shell.Get(
            $"cd '{folder.Mount}' && {Inodes}; find . -type f | sort | xargs sha256sum; stat -c '%n %Y %i' . d");
        Assert.That(after, Is.EqualTo(before));
        folder.Remount();
        Assert.That(
            Shell.Get(
                $"cd '{folder.Mount}' && {Inodes}; find . -type f | sort | xargs sha256sum; stat -c '%n %Y %i' . d"),
            Is.EqualTo(before));
        Assert.That(
            Shell.Get(
                $"cd '{folder.Mount}' && getfattr -d -m - big --only-values; cd '{folder.Source}'; "
                + "zstd -qt big.zst d/*.zst; ls -A .zstdfs"),
            Is.EqualTo("kept" + "folders\nlock\nstate\nworking"));
        folder.Unmount();
        ToolFolder.Require(0, $"check --data '{folder.Source}'");
        Assert.That(folder.Log, Does.Not.Contain("plain"));
    }

    [Test]
    public void NotLookedUp_TheyStayPlain()
    {
        using MountedFolder folder = Mounted("mkdir d; echo x > d/hidden; echo y > seen");
        Shell.Get($"cat '{folder.Mount}/seen'");
        Assert.That(BecomeStored(folder, "seen"));
        Assert.That(Shell.Get($"cat '{folder.Source}/d/hidden'"), Is.EqualTo("x"));
    }

    [Test]
    public void LookingAtALargeOne_DoesNotWaitForItsConversion()
    {
        using MountedFolder folder = Mounted(
            "head -c 40000000 /dev/urandom > a; for i in 1 2 3 4 5 6 7 8; do cat a a > b$i; done; rm a", "--level=19");
        Assert.That(Shell.Get($"stat -c %s '{folder.Mount}/b1'"), Is.EqualTo("80000000"));
        Assert.That(File.Exists($"{folder.Source}/b1"), "the look waited for the conversion");
        // Ending the mount does not wait for it either.
        Thread.Sleep(1500);
        Shell.Get($"stat '{folder.Mount}'/b*");
        folder.Unmount();
        Assert.That(File.Exists($"{folder.Source}/b8"), "the end of the mount waited for all conversions");
        Assert.That(
            Shell.Get($"ls -A '{folder.Source}' '{folder.Source}/.zstdfs' '{folder.Source}/.zstdfs/working'"),
            Does.Not.Contain("convert-").And.Not.Contain("conversion-"));
    }

    [Test]
    public void WrittenByAnotherProcess_TheyAreLeftAloneUntilItHasEnded()
    {
        using MountedFolder folder = Mounted("echo one > log; echo two > other");
        using Daemon writer = User(folder, $">> '{folder.Source}/log'",
            $"echo three >&3; touch -d '2021-01-01' '{folder.Source}/log'; sleep 1");
        Shell.Get($"ls -l '{folder.Mount}'");
        Assert.That(BecomeStored(folder, "other"));
        Assert.That(File.Exists(Path.Combine(folder.Source, "log.zst")), Is.False);
        LetGo(folder);
        writer.WaitForEnd();
        Assert.That(Shell.Get($"cat '{folder.Mount}/log'"), Is.EqualTo("one\nthree"));
        Assert.That(BecomeStored(folder, "log"), () => folder.Log);
        Assert.That(Shell.Get($"cat '{folder.Mount}/log'"), Is.EqualTo("one\nthree"));
    }

    [Test]
    public void OpenThroughTheMount_TheyAreConvertedOnceTheyAreClosed([Values("<", ">>")] string how)
    {
        using MountedFolder folder = Mounted("seq 1 1000 > f; echo two > other");
        using Daemon user = User(folder, $"{how} '{folder.Mount}/f'",
            how == "<" ? "cat <&3 | wc -l" : "echo last >&3");
        Shell.Get($"ls -l '{folder.Mount}'");
        Assert.That(BecomeStored(folder, "other"));
        Assert.That(File.Exists(Path.Combine(folder.Source, "f.zst")), Is.False);
        LetGo(folder);
        Assert.That(user.WaitForEnd(), Is.Zero);
        Assert.That(user.Log, Is.EqualTo(how == "<" ? "ready\n1000\n" : "ready\n"));
        Assert.That(BecomeStored(folder, "f"), () => folder.Log);
        Assert.That(Shell.Get($"tail -n 1 '{folder.Mount}/f'; zstdcat '{folder.Source}/f.zst' | tail -n 1"),
            Is.EqualTo(how == "<" ? "1000\n1000" : "last\nlast"));
    }

    [Test]
    public void BesideACompressedOne_OrWithSeveralLinks_BothStayAsTheyAre()
    {
        using MountedFolder folder =
            Mounted("echo plain > both; echo packed | zstd -q > both.zst; echo linked > l1; ln l1 l2; echo z > other");
        Assert.That(
            Shell.Get($"cd '{folder.Mount}' && cat both l1 l2 other; ls -l > /dev/null; stat -c %h l1; test l1 -ef l2"),
            Is.EqualTo("packed\nlinked\nlinked\nz\n2"));
        Assert.That(BecomeStored(folder, "other"));
        Thread.Sleep(1500);
        Assert.That(Shell.Get($"cd '{folder.Source}' && ls; cat both"),
            Is.EqualTo("both\nboth.zst\nl1\nl2\nother.zst\nplain"));
    }

    [Test]
    public void ReadOnly_TheyAreShownAndStay()
    {
        using MountedFolder folder = Mounted("echo x > f", "-o", "ro");
        Assert.That(Shell.Get($"cat '{folder.Mount}/f'"), Is.EqualTo("x"));
        Thread.Sleep(2000);
        Assert.That(Shell.Get($"ls -A '{folder.Source}'; getfattr -d -m - '{folder.Source}/f'"), Is.EqualTo("f"));
    }

    [Test]
    public void WhileTheyAreConverted_NoViewOfTheMountEverChanges()
    {
        using MountedFolder folder = Mounted("mkdir d; for i in $(seq 1 1500); do echo $i > d/f$i; done");
        string seen = Shell.Get(
            $$"""
            cd '{{folder.Mount}}/d' && before=$(find . -type f -printf '%i %s %p\n' | sort | sha256sum)
            for ((round = 1; SECONDS < 240; round++)); do
                for i in $(shuf -i 1-1500 -n 40); do [ "$(cat f$i)" = $i ] || echo "f$i reads wrong"; done
                [ "$(find . -type f -printf '%i %s %p\n' | sort | sha256sum)" = "$before" ] ||
                    echo "round $round differs"
                [ $(ls '{{folder.Source}}/d' | grep -c 'zst$') -gt 1000 ] && echo most && break
                sleep 0.1
            done
            """, TimeSpan.FromMinutes(6));
        Assert.That(seen, Is.EqualTo("most"), () => folder.Log);
        Assert.That(BecomeStored(folder, "d/f{1..1500}", TimeSpan.FromSeconds(40)), () => folder.Log);
    }

    [Test]
    public void ChangedWhileTheyAreConverted_EveryChangeHolds()
    {
        using MountedFolder folder = Mounted("mkdir d e; for i in $(seq 1 600); do echo $i > d/f$i; done");
        Shell.Get(
            $$"""
            cd '{{folder.Mount}}' && ls -l d > /dev/null; sleep 0.9
            for i in $(seq 1 600); do
                case $((i % 6)) in
                    0) mv d/f$i e/f$i;; 1) rm d/f$i;; 2) chmod 600 d/f$i;; 3) setfattr -n user.k -v $i d/f$i;;
                    4) echo more >> d/f$i;; 5) ln d/f$i e/l$i;;
                esac
            done
            """, TimeSpan.FromSeconds(120));
        string expected = Shell.Get(
            "for i in $(seq 1 600); do case $((i % 6)) in 0) echo e/f$i $i 1;; 2) echo d/f$i $i 600;; "
            + "3) echo d/f$i $i $i;; 4) echo d/f$i $i more;; 5) echo d/f$i $i $i;; esac; done");
        for (int view = 0; view < 2; view++)
        {
            Assert.That(Shell.Get(
                $$"""
                cd '{{folder.Mount}}' && for i in $(seq 1 600); do
                    case $((i % 6)) in
                        0) echo e/f$i $(cat e/f$i) $(stat -c %h e/f$i);; 1) test ! -e d/f$i || echo d/f$i is back;;
                        2) echo d/f$i $(cat d/f$i) $(stat -c %a d/f$i);;
                        3) echo d/f$i $(cat d/f$i) $(getfattr --only-values -n user.k d/f$i);;
                        4) echo d/f$i $(cat d/f$i);; 5) echo d/f$i $(cat d/f$i e/l$i);;
                    esac
                done
                """, TimeSpan.FromSeconds(120)), Is.EqualTo(expected), () => folder.Log);
            if (view == 0)
                folder.Remount();
        }
    }

    [Test]
    public void KilledAnytime_EveryFileIsThereOnce_AndTheNextMountGoesOn()
    {
        using MountedFolder folder = Mounted($"mkdir d; {ToolFolder.Sequences(400, "d/f", "i", "i + 300")}");
        string before = Shell.Get($"cd '{folder.Source}/d' && sha256sum * | sort");
        var random = new Random(3);
        for (int i = 0; i < Kills; i++)
        {
            Shell.Get($"ls -l '{folder.Mount}/d'");
            Thread.Sleep(random.Next(950, 1250));
            folder.Crash();
            Assert.That(
                Shell.Get(
                    $"cd '{folder.Source}/d' && for f in $(ls | sed 's/\\.zst$//' | sort -u); do if test -e $f; "
                    + "then sha256sum $f; else echo \"$(zstdcat $f.zst | sha256sum | cut -c 1-64)  $f\"; fi; "
                    + "done | sort"),
                Is.EqualTo(before));
            folder.Start();
            Assert.That(Shell.Get($"cd '{folder.Mount}/d' && sha256sum * | sort"), Is.EqualTo(before));
            Assert.That(Shell.Get($"cd '{folder.Source}/d' && ls | sed 's/\\.zst$//' | sort | uniq -d"), Is.Empty,
                "both forms of a file");
        }
        string names = Shell.Get($"cd '{folder.Mount}' && echo d/*");
        Assert.That(BecomeStored(folder, names), () => folder.Log);
        folder.Unmount();
        ToolFolder.Require(0, $"check --data '{folder.Source}'");
    }

    [Test]
    public void AConversionThatWasKilled_IsPutInOrderByTheNextMount()
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { Options = ["--plain=show"] });
        Shell.Get($"cd '{folder.Source}' && mkdir d; {ToolFolder.Sequences(900, "d/p", "1", "i")}");
        string before = Shell.Get($"cd '{folder.Source}/d' && sha256sum * | sort");
        bool bothForms = false;
        for (int i = 0; i < 10 && !bothForms; i++)
        {
            Shell.Get(
                $$"""
                cd '{{folder.Source}}'; rm -rf .zstdfs; zstd -qd --rm d/*.zst 2>/dev/null; ulimit -n 500
                '{{TestMachine.Program(ShellUser.Same)}}' convert . & pid=$!
                while kill -0 $pid 2>/dev/null; do
                    case "$(ls -U d)" in *.zst*) kill -9 $pid; break;; esac
                done; wait $pid; true
                """);
            bothForms = Shell.Get($"cd '{folder.Source}/d' && ls | sed 's/\\.zst$//' | sort | uniq -d").Length > 0;
        }
        Assert.That(bothForms, "the moments were badly chosen");
        folder.Start();
        Assert.That(Shell.Get($"cd '{folder.Source}/d' && ls | sed 's/\\.zst$//' | sort | uniq -d"), Is.Empty);
        Assert.That(Shell.Get($"cd '{folder.Mount}/d' && sha256sum * | sort"), Is.EqualTo(before));
    }
}
