using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>
/// Programs that carry a whole tree over: content, owners, modes, times to the nanosecond, links, attributes, holes.
/// </summary>
internal sealed class CopyTests(Ground ground) : ProgramTests(ground)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    [TestCase("rsync -aHAX tree/ {0}")]
    [TestCase("rsync -aHAX --inplace tree/ {0}")]
    [TestCase("rsync -aAXS tree/ {0}")]
    [TestCase("cp -a tree/. {0}")]
    [TestCase(
        "tar -C tree --acls --xattrs --xattrs-include='*' -cf - . | "
        + "tar -C {0} --acls --xattrs --xattrs-include='*' -xpf -")]
    public void CopyInAndOut_IsTheSame(string command)
    {
        if (IsForRootOnly("owners", "chown 1234:4321 refused"))
            return;
        MakeTree();
        string inward = string.Format(null, command, $"'{Folder}/copy'"),
            outward =
                string.Format(null, command, "back").Replace("tree", $"'{Folder}/copy'", StringComparison.Ordinal);
        Bash($"mkdir copy && cd \"$outside\" && {inward}", Limit);
        AssertSameAsTree($"{Folder}/copy");
        if (!command.Contains("-aAXS", StringComparison.Ordinal))
            Assert.That(Bash("stat -c %h copy/a/7.txt && [ copy/a/7.txt -ef copy/a/b/second ] && echo one file"),
                Is.EqualTo("2\none file"));
        AssertKept();
        Bash($"cd \"$outside\" && mkdir back && {outward}", Limit);
        AssertSameAsTree($"{Outside}/back");
    }

    [Test]
    public void SecondRsync_HasNothingToDo()
    {
        if (IsForRootOnly("owners", "chown 1234:4321 refused"))
            return;
        // XFS shows root each ACL as an attribute of its own too, which rsync takes for one too many.
        const string rsync = "rsync -aHAX --filter='-x system.*' --filter='-x trusted.SGI_ACL_*'";
        MakeTree();
        Bash($"{rsync} \"$outside/tree/\" copy/", Limit);
        Assert.That(Bash($"{rsync} --itemize-changes \"$outside/tree/\" copy/"), Is.Empty, "in again");
        Remount();
        Assert.That(Bash($"{rsync} --itemize-changes \"$outside/tree/\" copy/"), Is.Empty, "in again after a remount");
        Assert.That(Bash($"{rsync} --checksum --itemize-changes copy/ \"$outside/tree/\""), Is.Empty, "out again");
    }

    [Test]
    public void RsyncOfAChange_TransfersThatFileAlone()
    {
        Bash(
            "mkdir \"$outside/tree\" && for i in $(seq 50); do seq $i > \"$outside/tree/$i\"; done; "
            + "rsync -a \"$outside/tree/\" copy/",
            Limit);
        Bash("echo more >> \"$outside/tree/7\"");
        Assert.That(Bash("rsync -a --itemize-changes --delete \"$outside/tree/\" copy/"), Does.Match(@"^>f\S+ 7$"));
        TreeComparison.AssertEqual($"{Outside}/tree", $"{Folder}/copy", User);
    }

    private void AssertSameAsTree(string copy)
    {
        TreeComparison.AssertEqual($"{Outside}/tree", copy);
        const string attributes = "find . -mindepth 1 ! -type l | LC_ALL=C sort | xargs -d '\\n"
            + "' getfattr -d -m 'user.(own|colour)' -- && find . ! -type l | LC_ALL=C sort | xargs -d '\\n"
            + "' getfacl -p --";
        Assert.That(Shell.Get($"cd '{copy}' && {attributes}"),
            Is.EqualTo(Shell.Get($"cd '{Outside}/tree' && {attributes}")));
    }

    private void MakeTree() => Bash(
        """
        mkdir -p "$outside/tree/a/b/c" && cd "$outside/tree"
        for i in $(seq 100); do
            seq $((i * i)) > "a/$i.txt"; touch -d "@$((1500000000 + i)).$((i * 1234567))" "a/$i.txt"
        done
        head -c 3000000 /dev/urandom > a/b/random
        truncate -s 5M a/b/holes && printf x | dd of=a/b/holes bs=1 seek=2000000 conv=notrunc status=none
        : > a/empty
        chmod 640 a/1.txt; chmod 4755 a/2.txt; chmod 000 a/3.txt; chown 1234:4321 a/4.txt; chmod 2775 a/b
        ln -s ../1.txt a/b/link; ln -s /nowhere a/b/dangling; mkfifo a/fifo
        setfattr -n user.colour -v green a/5.txt; setfattr -n user.own -v blue a/b
        setfacl -m u:1234:r a/6.txt; setfacl -d -m g:4321:rwx a/b/c
        ln a/7.txt a/b/second
        touch -h -d @1400000000.5 a/b/link a/b/dangling a/fifo; touch -d @1300000000.25 a/b/c a/b a
        """);
}
