using ZstdFs.Mount.Tests.Harness;
using ZstdFs.Mount.Tests.Tools;

namespace ZstdFs.Mount.Tests.Names;

/// <summary>A stored file whose whole name leads out of its folder: its owner can write that attribute.</summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class HostileNameTests
{
    private const string Make =
        """
        python3 - <<'END'
        import hashlib, os, subprocess
        name = b"a" * 230 + b"/" + b"evil_0123456789".ljust(22, b"x")
        stored = name[:218] + b"%" + hashlib.sha256(name).hexdigest()[:32].encode() + b".zst"
        frame = subprocess.run(["zstd", "-q"], input=b"content", capture_output=True).stdout
        with open(stored, "wb") as file: file.write(frame)
        os.setxattr(stored, "user.zstdfs.name", name + bytes(1))
        END
        """;

    [Test]
    public void ItsFolderIsListedAndRead()
    {
        using MountedFolder folder = MountedFolder.Create(
            prepare: source => Shell.Get($"cd '{source}' && {Make}\n"
                + "echo other | zstd -q > other.zst"));
        Assert.That(Shell.Get($"cd '{folder.Mount}' && ls | wc -l && cat a* && cat other"),
            Is.EqualTo("2\ncontentother"));
        ShellResult check = folder.Program("check", folder.Source);
        Assert.That((check.ExitCode, check.Output), Is.EqualTo((4, check.Output)));
        Assert.That(check.Output, Does.Contain("name-lost"));
    }

    [Test]
    public void ARevertMakesNothingOutsideTheFolder()
    {
        using var folder = new ToolFolder();
        string outside = Directory.CreateDirectory(Path.Combine(folder.Path, "outside")).FullName;
        folder.InTree($"{Make}\n"
            + $"ln -s '{outside}' $(printf 'a%.0s' $(seq 230))");
        ToolFolder.Program($"convert --revert --existing-zst=decode '{folder.Tree}'");
        Assert.That(Directory.GetFileSystemEntries(outside), Is.Empty);
    }
}
