using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>
/// <c>zstdfs check</c> finds what was planted, all of it and nothing else, mends what it says it mends, and touches no
/// content.
/// </summary>
[TestFixture]
internal sealed class CheckTests
{
    private const string Patch = "patch() { touch -r \"$1\" ../time; printf \"$3\" | "
        + "dd of=\"$1\" bs=1 seek=\"$2\" conv=notrunc status=none; touch -r ../time \"$1\"; }; ";

    /// <summary>
    /// Name, script run in a healthy source, the kind that check must name, the path it must name, whether --data is
    /// needed, whether --repair mends it.
    /// </summary>
    private static readonly object[][] Faults =
    [
        ["NotZstd", "echo no zstd > t.zst", "structure", "t.zst", false, false],
        ["OldFormat", "printf '\\x25\\xb5\\x2f\\xfd rest' > t.zst", "unsupported", "t.zst", false, false],
        ["CutInFrame", "truncate -s 200 text1.zst", "structure", "text1.zst", false, false],
        ["CutInSeekTable", "truncate -s -5 big.zst", "structure", "big.zst", false, false],
        ["CutAfterFrames", "truncate -s -1 text2.zst", "structure", "text2.zst", false, false],
        ["GarbageBehindFrames", "echo garbage >> text1.zst", "structure", "text1.zst", false, false],
        ["ZerosBehindFrames", "truncate -s +4096 text1.zst", "structure", "text1.zst", false, false],
        ["FirstBytesZero", "patch text1.zst 0 '\\0\\0\\0\\0\\0\\0\\0\\0'", "structure", "text1.zst", false, false],
        ["ReservedHeaderBit", "patch text1.zst 4 '\\x6c'", "structure", "text1.zst", false, false],
        ["InvalidBlockType", "printf '\\x28\\xb5\\x2f\\xfd\\x20\\x05\\x07\\0\\0' > t.zst", "structure", "t.zst", false,
            false],
        ["ImpossibleContentSize", "printf '\\x28\\xb5\\x2f\\xfd\\x20\\xff\\x09\\0\\0x' > t.zst", "structure", "t.zst",
            false, false],
        ["SkippableCutShort", "printf '\\x50\\x2a\\x4d\\x18\\xff\\0\\0\\0abc' >> text1.zst", "structure", "text1.zst",
            false, false],
        ["NeedsDictionary",
            "seq 1 5000 > ../d1; for i in $(seq 1 60); do seq $i $((i + 200)) > ../s$i; done; "
            + "zstd -q --train ../s* -o ../dict; zstd -q -D ../dict ../d1 -o t.zst",
            "unsupported", "t.zst", false, false],
        ["OtherFormat", "seq 1000 | gzip > t.zst", "unsupported", "t.zst", false, false],
        ["OtherFormatBehindFrames", "seq 1000 | gzip >> text1.zst", "unsupported", "text1.zst", false, false],
        ["SeekTableLogicalSize", "patch big.zst $(($(stat -c %s big.zst) - 9 - 8 * 4 - 4)) '\\x01\\x02'", "seek-table",
            "big.zst", false, false],
        ["SeekTableStoredSize", "patch big.zst $(($(stat -c %s big.zst) - 9 - 8 * 4 - 8)) '\\x01\\x02'", "seek-table",
            "big.zst", false, false],
        ["SeekTableCount", "patch big.zst $(($(stat -c %s big.zst) - 9)) '\\x02'", "seek-table", "big.zst", false,
            false],
        ["SeekTableFooterMagic", "patch big.zst $(($(stat -c %s big.zst) - 1)) '\\0'", "seek-table", "big.zst", false,
            false],
        ["BitInContent", "patch noise.zst 5000 '\\x00\\x01\\x02'", "data", "noise.zst", true, false],
        ["BitInMiddleFrame", "patch big.zst 100 'zzzz'", "data", "big.zst", true, false],
        ["Checksum", "patch text1.zst $(($(stat -c %s text1.zst) - 1)) '\\0'", "data", "text1.zst", true, false],
        ["RecordGarbage", "setfattr -n user.zstdfs -v garbage text1.zst", "record-damaged", "text1.zst", false, true],
        ["RecordBitFlip",
            "setfattr -n user.zstdfs -v $(getfattr --only-values -n user.zstdfs text1.zst | xxd -p -c 100 | "
            + "sed 's/^\\(.\\{16\\}\\)../0x\\177/') text1.zst",
            "record-damaged", "text1.zst", false, true],
        ["RecordEmpty", "setfattr -n user.zstdfs text1.zst", "record-damaged", "text1.zst", false, true],
        ["RecordOfOtherTime", "touch text1.zst", "record-stale", "text1.zst", false, true],
        ["RecordOfOtherContent", "seq 5 77 | zstd -q > ../new; cat ../new > text1.zst", "record-stale", "text1.zst",
            false, true],
        ["RecordLies",
            "cp -a twin1.zst ../t; cat twin2.zst > twin1.zst; touch -r ../t twin1.zst; "
            + "[ $(stat -c %s twin1.zst) = $(stat -c %s ../t) ]",
            "record-wrong", "twin1.zst", false, true],
        ["ForeignSizeWrong", "seq 1 100 | zstd -q > t.zst; setfattr -n user.real_size -v 0x00000000000000ff t.zst",
            "foreign-size-wrong", "t.zst", false, true],
        ["BothForms", "echo plain > text1", "both-forms", "text1", false, false],
        ["FolderHidden", "mkdir text1", "hidden-name", "text1", false, false],
        ["SymlinkHidden", "ln -s nowhere text1", "hidden-name", "text1", false, false],
        ["NameDot", "cp --no-preserve=all text1.zst ..zst", "no-logical-name", "..zst", false, false],
        ["NameDotDot", "cp --no-preserve=all text1.zst sub/...zst", "no-logical-name", "sub/...zst", false, false],
        ["NameReserved", "cp --no-preserve=all text1.zst .zstdfs.zst", "no-logical-name", ".zstdfs.zst", false, false],
        ["StateGarbage", "echo garbage > .zstdfs/state", "state-damaged", ".zstdfs/state", false, true],
        ["StateIsFolder", "rm .zstdfs/state; mkdir .zstdfs/state", "state-damaged", ".zstdfs/state", false, false],
        ["StateNewer", "patch .zstdfs/state 8 '\\x09'", "newer", ".zstdfs/state", false, false],
        ["NamesNewer", "printf zNJ2 > .zstdfs/names", "newer", ".zstdfs/names", false, false],
        ["ConversionNewer", "printf zCJ2-more > .zstdfs/conversion-1", "newer", ".zstdfs/conversion-1", false, false],
        [
            "WorkingCopyNewer",
                "touch .zstdfs/working/w; setfattr -n user.zstdfs.working -v 0x7a5703 .zstdfs/working/w",
            "newer", ".zstdfs/working/w", false, false,
        ],
        ["RecordNewer", "setfattr -n user.zstdfs -v 0x7a4603 text1.zst", "newer", "text1.zst", false, false],
        ["StateFolderIsFile", "rm -r .zstdfs; touch .zstdfs", "state-damaged", ".zstdfs", false, false],
        ["WorkingIsFile", "rmdir .zstdfs/working; touch .zstdfs/working", "state-damaged", ".zstdfs/working", false,
            false],
        ["UnknownInState", "touch .zstdfs/something", "unknown-state", ".zstdfs/something", false, false],
        ["LeftoverVersion", "cp text1.zst .zstdfs/working/commit-0010000000000001-1-1", "leftover",
            ".zstdfs/working/commit-0010000000000001-1-1", false, true],
        ["WorkingCopyWithout", "touch .zstdfs/working/w", "working-copy-damaged", ".zstdfs/working/w", false, false],
        ["LostWorkingCopy", "mkdir .zstdfs/lost; echo x > .zstdfs/lost/w", "working-copy-damaged", ".zstdfs/lost/w",
            false, false],
        ["WorkingCopyDamaged", "touch .zstdfs/working/w; setfattr -n user.zstdfs.working -v x .zstdfs/working/w",
            "working-copy-damaged", ".zstdfs/working/w", false, false],
    ];

    private static IEnumerable<TestCaseData> Cases =>
        Faults.Select(p => new TestCaseData(p[1..]).SetName($"Planted_{p[0]}_IsFoundAndMendedWhereItCanBe"));

    private ToolFolder _folder = null!;

    [SetUp]
    public void MakeSource()
    {
        _folder = new ToolFolder();
        _folder.InTree(
            """
            mkdir sub; for i in 1 2; do seq $i $((i * 700)) > text$i; done; seq 1 400000 > big
            head -c 50000 /dev/urandom > noise; : > empty; seq 1 10 > sub/inner; ln -s text1 link
            head -c 1000 /dev/urandom > twin1; head -c 2000 /dev/zero > twin2; head -c 967 /dev/urandom >> twin2
            """);
        // Stored files of one length and time, and of different content lengths.
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        _folder.InTree(
            "head -c $(($(stat -c %s twin1.zst) - $(stat -c %s twin2.zst) - 8)) /dev/zero > ../pad; "
            + "n=$(stat -c %s ../pad); (cat twin2.zst; "
            + "printf \"\\x50\\x2a\\x4d\\x18\\x$(printf %02x $n)\\0\\0\\0\"; cat ../pad) > ../twin; "
            + "cat ../twin > twin2.zst; rm twin2.zst; cp ../twin twin2.zst; touch -r twin1.zst twin2.zst");
    }

    [TearDown]
    public void RemoveSource() => _folder.Dispose();

    [TestCaseSource(nameof(Cases))]
    public void Planted(string plant, string kind, string path, bool needsData, bool isMended)
    {
        _folder.InTree(Patch + plant);
        string content = Contents();
        ShellResult found = ToolFolder.Require(4, $"check {(needsData ? "--data" : "")} '{_folder.Tree}'");
        Assert.That(found.Text, Does.StartWith($"{path}: {kind}").And.Not.Contain("\n"), "one line that names it");
        if (needsData)
            ToolFolder.Require(0, $"check '{_folder.Tree}'");
        ShellResult mended = ToolFolder.Require(isMended ? 1 : 4, $"check --data --repair '{_folder.Tree}'");
        Assert.That(mended.Text.Contains("[mended]", StringComparison.Ordinal), Is.EqualTo(isMended));
        ToolFolder.Require(isMended ? 0 : 4, $"check --data '{_folder.Tree}'");
        Assert.That(Contents(), Is.EqualTo(content), "no content is touched");
    }

    [Test]
    public void Healthy_HasNoFault([Values("", "--data", "--data --jobs 7", "--repair")] string options)
    {
        _folder.InTree("rm empty.zst");
        _folder.MakeMixed();
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        _folder.InTree(
            "mkdir foreign; seq 1 1000 | zstd -q > foreign/stream.zst; (seq 1 9 | zstd -q; seq 1 5 | "
            + "zstd -q --no-check) > foreign/two.zst; : > foreign/nothing.zst; echo plain > foreign/plain; "
            + "cp -a big.log.zst foreign/copy.zst");
        ShellResult result = ToolFolder.Require(0, $"check {options} '{_folder.Tree}'");
        Assert.That(result.Output, Is.Empty);
        Assert.That(result.Error, Does.Contain("no faults"));
    }

    [Test]
    public void DamagedFrame_NamesTheBytesThatAreLost()
    {
        int start = 700;
        _folder.InTree($"{Patch} patch big.zst {start} 'zzzzzzzz'");
        ShellResult result = ToolFolder.Require(4, $"check --data '{_folder.Tree}'");
        Assert.That(result.Text, Does.Contain("bytes 0 to 524287 of its content are lost"));
    }

    [Test]
    public void InterruptedConversion_IsFoundAndMended()
    {
        string found = "";
        for (int i = 0; i < 10 && !found.Contains("unfinished-conversion", StringComparison.Ordinal); i++)
        {
            _folder.InTree($"rm -f sub/p*; {ToolFolder.Sequences(900, "sub/p", "1", "i")}");
            // Killed when its first new names are there. On a loaded machine it may have ended before the shell looks.
            _folder.InTree(
                $$"""
                ulimit -n 500; '{{TestMachine.Program(ShellUser.Same)}}' convert . & pid=$!
                while kill -0 $pid 2>/dev/null; do
                    set -- sub/p*.zst; [ -e "$1" ] && kill -9 $pid && break
                done; wait $pid; true
                """);
            found = ToolFolder.Program($"check '{_folder.Tree}'").ToString();
        }
        Assert.That(found, Does.Contain("unfinished-conversion"));
        ToolFolder.Require(1, $"check --repair '{_folder.Tree}'");
        ToolFolder.Require(0, $"check --data '{_folder.Tree}'");
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
    }

    [Test]
    public void Interrupted_ResumesWhereItWas()
    {
        _folder.InTree("head -c 6000000 /dev/urandom | split -b 20000 -a 3 --numeric-suffixes=1 - sub/p");
        ToolFolder.Require(0, $"convert '{_folder.Tree}'");
        long all = long.Parse(Decoded(ToolFolder.Require(0, $"check --data --json '{_folder.Tree}'")), null),
            rest = all;
        // It may not have come to the end of its first file when it is interrupted.
        for (int megabytes = 2; rest == all && megabytes <= 8; megabytes *= 2)
        {
            // Who runs the tests in the background may have them ignore the signal, which a program inherits.
            using var part = new Daemon(
                ["env", "--default-signal=INT", TestMachine.Program(ShellUser.Same), "check", "--data",
                    "--limit-rate", "500K", _folder.Tree],
                ShellUser.Same);
            // It reads each file twice, and so has seconds of work left then.
            bool isAtWork = Waiting.For(
                () => part.HasEnded || BytesReadBy(part.ProcessId) > megabytes * 1_000_000, TimeSpan.FromMinutes(1));
            if (!part.HasEnded)
                Shell.Run($"kill -INT {part.ProcessId}");
            int code = part.WaitForEnd();
            Assert.That(isAtWork, () => part.Log);
            // The signal of a stalled test comes after the end.
            if (code == 0)
                continue;
            Assert.That(code, Is.EqualTo(32), () => part.Log);
            Assert.That(part.Log, Does.Contain("interrupted"));
            rest = long.Parse(Decoded(ToolFolder.Require(0, $"check --data --resume --json '{_folder.Tree}'")), null);
        }
        Assert.That(rest, Is.LessThan(all));
    }

    [Test]
    public void BesideALiveMount_IsSafe()
    {
        using MountedFolder mounted =
            MountedFolder.Create(prepare: source => Shell.Get($"cp -a '{_folder.Tree}/.' '{source}'"));
        Task writer = Task.Run(() =>
            Shell.Get($"cd '{mounted.Mount}' && for i in $(seq 1 150); do seq $i 3000 > w$((i % 10)); done"));
        // The shell ends, or the limit ends it.
        while (!writer.IsCompleted)
            ToolFolder.Require(0, $"check --data --repair '{mounted.Source}'");
        writer.Wait();
        Shell.Get($"cd '{mounted.Mount}' && tail -n1 w0 && cat text1 | tail -n 1");
        ToolFolder.Require(8, $"check '{mounted.Mount}'");
    }

    [Test]
    public void BesideAMountThatConverts_NoFaultIsMadeUp()
    {
        using MountedFolder mounted = MountedFolder.Create(new MountSetup { Options = ["--plain=convert"] },
            source =>
                Shell.Get($"cd '{source}' && for i in $(seq 1 1200); do echo $i > f$i; done; touch -d '2020-01-01' *"));
        Shell.Get($"ls -l '{mounted.Mount}'");
        bool IsDone() => Shell.Get($"cd '{mounted.Source}' && ls | grep -vc zst; true") == "0";
        bool IsDoneAfterACheck()
        {
            if (IsDone())
                return true;
            ToolFolder.Require(0, $"check --repair '{mounted.Source}'");
            return false;
        }
        Assert.That(Waiting.For(IsDoneAfterACheck, TimeSpan.FromMinutes(1)), () => mounted.Log);
        ToolFolder.Require(0, $"check --data '{mounted.Source}'");
    }

    [TestCase("check", 16)]
    [TestCase("check --nope x", 16)]
    [TestCase("check --resume x", 16)]
    [TestCase("check /nowhere", 8)]
    public void WrongUse_HasFscksCodes(string words, int code) => ToolFolder.Require(code, words);

    /// <summary>How much a process has read from files so far.</summary>
    private static long BytesReadBy(int process)
    {
        try
        {
            return long.Parse(File.ReadLines($"/proc/{process}/io").First()["rchar: ".Length..], null);
        }
        catch (IOException) // it has ended
        {
            return 0;
        }
    }

    private static string Decoded(ShellResult result) => result.Output.Split("\"decodedBytes\": ")[1].Split(',')[0];

    private string Contents() =>
        Shell.Get(
            $"cd '{_folder.Tree}' && find . -path ./.zstdfs -prune -o -type f -print0 | sort -z | xargs -0 sha256sum");
}
