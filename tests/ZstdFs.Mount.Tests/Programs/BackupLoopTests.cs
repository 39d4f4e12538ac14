using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>
/// Backups of a tree that is written and rewritten between them, without a pause, so that commits come while the backup
/// looks: it must read again what users changed and nothing else. Borg and restic go by inode, size, mtime and ctime.
/// </summary>
[TestFixtureSource(nameof(BackupGrounds))]
internal sealed class BackupLoopTests(Ground ground) : GroundFixture(ground)
{
    private static readonly Ground[] LongGrounds =
    [
        new(IsMount: false), new(IsMount: true, "ext4"), new(IsMount: true, "btrfs"), new(IsMount: true, "xfs"),
        new(IsMount: true, "ext4", ShellUser.Ordinary),
    ];

    private static IEnumerable<TestFixtureData> BackupGrounds()
    {
        yield return new TestFixtureData(new Ground(IsMount: true)).SetArgDisplayNames("Mount");
        foreach (Ground ground in LongGrounds)
        {
            TestFixtureData data = new TestFixtureData(ground).SetArgDisplayNames(ground.ToString());
            data.Properties.Add("Category", "Long");
            yield return data;
        }
    }

    /// <summary>
    /// Python, argv: rounds, program, a folder to work in. Each round changes a known set of files in every way, runs a
    /// backup at once, and compares what that took for new or changed. What was written last, <c>newest</c>, does not
    /// count: borg always reads it again, because another change might have had the same time.
    /// </summary>
    private const string Rounds =
        """
        import os, random, re, subprocess, sys, time
        rounds, program, work = int(sys.argv[1]), sys.argv[2], sys.argv[3]
        chance = random.Random(rounds)
        environment = dict(os.environ, HOME=work, BORG_BASE_DIR=work, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes",
            RESTIC_PASSWORD="t", RESTIC_CACHE_DIR=work + "/cache", TMPDIR=work)
        repository, back = work + "/repository", work + "/back"
        def run(*words, where=None):
            done = subprocess.run(words, env=environment, cwd=where, capture_output=True, text=True)
            assert done.returncode == 0, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
            return done.stdout + done.stderr
        def restic(*words): return run("restic", "-r", repository, *words)
        def backup(number):
            if program == "borg":
                said = run("borg", "create", "--list", "--filter", "AMCE", f"{repository}::{number}", ".")
                listed = re.findall(r"^([AMCE]) (.*)$", said, re.M)
                assert not [p for s, p in listed if s in "CE"], (number, listed)
                return {os.path.normpath(p) for s, p in listed}
            said = restic("backup", "-vv", ".")
            return set(re.findall(r"^(?:new|modified) +/(.*[^/]), saved in", said, re.M))
        if program == "borg": run("borg", "init", "-e", "none", repository)
        else: restic("init")

        def write(path, data, flags=os.O_TRUNC, at=0):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
            if flags & os.O_APPEND: os.write(fd, data)
            else: os.pwrite(fd, data, at)
            os.close(fd)
            changed.add(path)
        def text(length): return (b"%d and more of it\n" % chance.randrange(10**9) * (length // 12 + 1))[:length]
        for d in ("still", "rewritten", "fresh"): os.mkdir(d)
        changed = set()
        for i in range(20):
            write(f"still/f{i}", text(i * 9000))
            write(f"rewritten/f{i}", text(i * 40000))
        write("still/large", os.urandom(3000000)); write("patched", os.urandom(4000000)); write("log", text(1000000))
        write("saved", b"0"); write("mode", b"m")
        for number in range(rounds + 1):
            if number > 0:
                changed = set()
                for f in chance.sample(range(20), 4):
                    write(f"rewritten/f{f}", text(chance.choice((1, 5000, 300000, 1500000))))
                write(f"fresh/f{number}", os.urandom(2000000) if number % 5 == 1 else text(chance.randrange(40000)))
                write("patched", os.urandom(4096), flags=0, at=4096 * chance.randrange(900))
                write("log", text(20000), flags=os.O_APPEND)
                write("saved.new", text(number * 3000)); os.rename("saved.new", "saved")
                os.chmod("mode", 0o600 + number % 2 * 0o40)
                changed = changed - {"saved.new"} | {"saved", "mode"}
                if number % 3 == 0: time.sleep(chance.random())
            time.sleep(0.03)
            write("newest", text(50))
            seen = backup(number) | {"newest"}
            assert seen == changed, (number, "read for nothing:", seen - changed, "not read:", changed - seen)
        # The last backup holds what is there.
        os.mkdir(back)
        if program == "borg": run("borg", "extract", f"{repository}::{rounds}", where=back)
        else: restic("restore", "-q", "latest", "--target", back)
        run("diff", "-r", ".", back)
        """;

    [TestCase("borg")]
    [TestCase("restic")]
    public void Backup_ReadsAgainWhatChangedAndNothingElse(string program) => Run(program, 3);

    [TestCase("borg")]
    [TestCase("restic")]
    [Category("Long")]
    public void Backup_ReadsAgainWhatChangedAndNothingElse_FiftyTimes(string program) => Run(program, 50);

    private void Run(string program, int rounds)
    {
        BackupPrograms.Require(program);
        Bash($"python3 - {rounds} {program} \"$outside\" <<'END'\n{Rounds}\nEND", TimeSpan.FromMinutes(9));
    }
}
