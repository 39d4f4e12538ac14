using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Names;

/// <summary>Names in the source that no logical name can be.</summary>
[CancelAfter(120_000)]
internal sealed class HiddenNameTests
{
    /// <summary>As stored names, "." and "..".</summary>
    [Test]
    public void FilesNamedDotsAndSuffix_AreNotListedAsTheFolderItself()
    {
        const string Fill = "for f in . .. ...; do echo $f | zstd -q > $f.zst; done";
        using var mounted = new MountedSource(prepare: $"{Fill}; mkdir d; cd d; {Fill}");
        const string Raw = "ls -aUf . | sort | tr '\\n' ' '; ls -aUl . | wc -l; cat ...";
        Assert.That(mounted.Shell($"{Raw}; cd d; {Raw}"), Is.EqualTo(". .. ... d 5\n...\n. .. ... 4\n...\n"));
        Assert.That(
            mounted.Shell(
                "echo new > ...; cd d; rm ...; cd ..; ls -A \"$SRC/d\" | wc -l; test -z \"$(ls -A d)\"; cat ..."),
            Is.EqualTo("2\nnew\n"));
    }

    /// <summary>
    /// On another file system than the root's a commit gives the new version such a name for a moment; a crash may
    /// leave it.
    /// </summary>
    [TestCase(PlainFiles.Ignore)]
    [TestCase(PlainFiles.Show)]
    [TestCase(PlainFiles.Convert)]
    public void NameThatCommitsUse_IsHiddenAndRefused(PlainFiles mode)
    {
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = mode },
            "mkdir d; echo 1 | zstd -q > p.zst; for f in . d; do echo left > $f/.zstdfs-commit-5; echo 2 | "
            + "zstd -q > $f/.zstdfs-commit-6.zst; done");
        Assert.That(mounted.Shell("ls -A; ls -A d; find . | sort"), Is.EqualTo("d\np\n.\n./d\n./p\n"));
        Assert.That(mounted.Shell("""
            python3 - <<'END'
            import errno, os
            name = "/.zstdfs-commit-"
            for folder in (".", "d"):
                for act in (lambda: os.stat(folder + name + "5"), lambda: os.stat(folder + name + "6"),
                        lambda: open(folder + name + "7", "w"), lambda: open(folder + name + "5", "w"),
                            lambda: os.mkdir(folder + name + "7"), lambda: os.rename("p", folder + name + "7"),
                                lambda: os.link("p", folder + name + "7"),
                                lambda: os.symlink("p", folder + name + "7")):
                    try: act(); print("done")
                    except OSError as e: print(errno.errorcode[e.errno], end=" ")
                print()
            END
            cat "$SRC/d/.zstdfs-commit-5"
            """),
                Is.EqualTo(string.Concat(Enumerable.Repeat("ENOENT ENOENT EPERM EPERM EPERM EPERM EPERM EPERM \n", 2))
                    + "left\n"));
    }

    [TestCase(PlainFiles.Ignore)]
    [TestCase(PlainFiles.Show)]
    public void FolderWithNothingButLeftovers_CanBeRemoved(PlainFiles mode)
    {
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = mode },
            "mkdir d e; for f in d e; do echo left > $f/.zstdfs-commit-1f; done; "
            + "echo a user\\'s > e/.zstdfs-commit-note");
        mounted.Shell(
            "rmdir d; test ! -e \"$SRC/d\"; ! rmdir e; test \"$(ls -A \"$SRC/e\")\" = .zstdfs-commit-note; ls e; "
            + "echo > e/f; rm e/f");
    }

    [TestCase(PlainFiles.Ignore)]
    [TestCase(PlainFiles.Show)]
    public void FolderWithNothingButLeftovers_CanBeReplaced(PlainFiles mode)
    {
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = mode },
            "mkdir d e new; for f in d e; do echo left > $f/.zstdfs-commit-1f; done; "
            + "echo a user\\'s > e/.zstdfs-commit-note");
        mounted.Shell("""
            echo content > new/f
            ! mv -T new e; test "$(ls -A "$SRC/e")" = .zstdfs-commit-note
            mv -T new d; test "$(ls -A d)" = f; cat d/f; test ! -e new; test ! -e "$SRC/d/.zstdfs-commit-1f"
            """);
    }
}
