using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>A tree of 2,000 files unpacked by tar.</summary>
internal sealed class ArchiveTests(Ground ground) : ProgramTests(ground)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Test]
    public void UnpackedTree_IsWholeAfterRemountAndForStockZstd()
    {
        if (IsForRootOnly("owners", "chown 3:3 refused"))
            return;
        Bash(
            """
            mkdir "$outside/tree"
            python3 - "$outside/tree" <<'END'
            import os, random, sys
            os.chdir(sys.argv[1])
            chance = random.Random(1)
            for i in range(2000):
                folder = f"d{i % 20}/e{i % 7}"
                os.makedirs(folder, exist_ok=True)
                name = f"{folder}/f{i}"
                with open(name, "wb") as f:
                    f.write((f"file {i} of many\n" * chance.randrange(0, 400)).encode()
                        + chance.randbytes(chance.randrange(0, 300)))
                os.chmod(name, chance.choice([0o644, 0o600, 0o755, 0o444, 0o4711]))
                os.chown(name, chance.randrange(5), chance.randrange(5))
                os.chmod(name, chance.choice([0o644, 0o600, 0o755, 0o444, 0o4711]))
                os.utime(name, ns=(0, chance.randrange(10**18, 17 * 10**17)))
                if i % 40 == 0:
                    os.symlink(f"../e{i % 3}/f{i}", f"{folder}/link{i}")
            END
            tar -C "$outside/tree" --format=posix -cf "$outside/tar" .
            """, Limit);
        Bash("tar -xpf \"$outside/tar\"", Limit);
        Assert.That(Bash("tar -df \"$outside/tar\"", Limit), Is.Empty);
        Remount();
        TreeComparison.AssertEqual($"{Outside}/tree", Folder);
        if (OnMount)
            TreeComparison.AssertStored($"{Outside}/tree", Mounted.Source);
    }

    [Test]
    public void RemovedTree_LeavesNothing()
    {
        Bash("for i in $(seq 20); do mkdir -p a/$i; for j in $(seq 20); do echo $j > a/$i/$j; done; done; rm -rf a");
        Assert.That(Bash("ls -A"), Is.Empty);
        if (OnMount)
            Assert.That(Shell.Get($"ls -A '{Mounted.Source}'"), Is.AnyOf("", ".zstdfs"));
    }
}
