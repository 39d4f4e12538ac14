using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>
/// git: objects written under other names and linked or renamed, packs read by mmap, an index compared by stat.
/// </summary>
internal sealed class GitTests(Ground ground) : ProgramTests(ground)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    [Test]
    public void Clone_IsWholeAndClean()
    {
        MakeRepository();
        Bash("git clone -q \"file://$outside/origin\" clone", Limit);
        Assert.That(
            Bash("cd clone && git fsck --full --strict && git status --porcelain && git rev-list --count HEAD", Limit),
            Is.EqualTo("300"));
        Bash(
            "cd clone && git archive HEAD | tar -x -C \"$(mktemp -d -p \"$outside\" archive.XXXX)\" && "
            + "diff -r -x .git . \"$outside\"/archive.*",
            Limit);
    }

    [Test]
    public void CommitInClone_IsThereAfterRemount()
    {
        MakeRepository();
        Bash(
            """
            git clone -q "file://$outside/origin" clone && cd clone
            git config user.email a@b.c && git config user.name n
            for i in $(seq 0 7 290); do echo "changed $i" >> "folder$((i % 10))/file$i.txt"; done
            echo new > new && git add -A && git commit -qm change
            git checkout -q -b side HEAD~5 && echo side > side && git add side && git commit -qm side
            git checkout -q - && git merge -q --no-edit side && git gc -q
            """, Limit);
        Remount();
        Assert.That(Bash(
            "cd clone && git fsck --full --strict && git status --porcelain && git log -1 --format=%s && cat new side",
            Limit),
            Is.EqualTo("Merge branch 'side'\nnew\nside"));
        Bash("cd clone && echo again >> new && git commit -qam again && git fsck --full --strict", Limit);
    }

    [Test]
    public void LooseObjectsOfACommitOfManyFiles_AreWhole()
    {
        Assert.That(Bash(
            """
            git init -q . && git config user.email a@b.c && git config user.name n
            for i in $(seq 200); do echo "content $i" > "f$i"; done
            git add -A && git commit -qm first
            git fsck --full --strict && git status --porcelain && git count-objects
            """, Limit), Does.StartWith("202 objects"));
        AssertKept();
        Assert.That(Bash("git status --porcelain; git fsck --full --strict"), Is.Empty);
    }

    // 300 commits over 290 files, some of them rewritten several times.
    private void MakeRepository() => Bash(
        """
        python3 - > "$outside/stream" <<'END'
        for i in range(300):
            text = f"commit {i}\n" + "".join(f"line {i * j}\n" for j in range(1 + i % 60))
            print(f"commit refs/heads/main\ncommitter n <a@b.c> {1700000000 + i} +0000\ndata {len(str(i))}\n{i}")
            print(f"M 100644 inline folder{i % 10}/file{i % 290}.txt\ndata {len(text)}\n{text}")
        END
        git init -q -b main --bare "$outside/origin"
        git -C "$outside/origin" fast-import --quiet < "$outside/stream"
        """);
}
