using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>Copies within the mount: long ones take the stored frames over as they are.</summary>
[TestFixture]
internal sealed class FrameCopyTests
{
    private MountedFolder _folder = null!;

    [SetUp]
    public void Mount() => _folder = MountedFolder.Create();

    [TearDown]
    public void Unmount()
    {
        if (TestContext.CurrentContext.Result.Outcome.Status == NUnit.Framework.Interfaces.TestStatus.Passed)
            _folder.Unmount();
        _folder.Dispose();
    }

    private string In(string script) =>
        Shell.Get($"set -euo pipefail; cd '{_folder.Mount}'; source='{_folder.Source}'\n{script}",
            TimeSpan.FromMinutes(2));

    // Text, so that frames compressed at another level would differ.
    private const string Make = "seq 1 3000000 > a";

    [Test]
    public void WholeFileCopied_HasTheSameFramesWithoutBeingCompressedAgain()
    {
        In(Make);
        _folder.Unmount();
        // Compressed anew, the copy would have other frames than level 19 made: the mount's level is 3.
        Assert.That(_folder.Program("recompress", _folder.Source, "--level", "12").ExitCode, Is.Zero);
        _folder.Start();
        In("cp --reflink=never a b");
        Assert.That(_folder.Program("sync", _folder.Mount).ExitCode, Is.Zero);
        In("cmp a b; cmp $source/a.zst $source/b.zst; zstd -qt $source/b.zst");
        _folder.Remount();
        In("cmp a b; [ $(stat -c %i a) != $(stat -c %i b) ]");
    }

    [TestCase("os.pwrite(b, b'changed', 0)", "f.seek(0); f.write(b'changed')")]
    [TestCase("os.pwrite(b, b'changed', 9000001)", "f.seek(9000001); f.write(b'changed')")]
    [TestCase("os.lseek(b, 0, 2); os.write(b, b'appended' * 200000)", "f.seek(0, 2); f.write(b'appended' * 200000)")]
    [TestCase("os.ftruncate(b, 5000001)", "f.truncate(5000001)")]
    [TestCase("os.ftruncate(b, 5000001); os.ftruncate(b, 30000000)", "f.truncate(5000001); f.truncate(30000000)")]
    [TestCase("os.ftruncate(b, 0); os.pwrite(b, b'z' * 4000000, 3)",
        "f.truncate(0); f.seek(3); f.write(b'z' * 4000000)")]
    [TestCase("os.unlink('a'); os.fsync(b)", "")]
    public void CopyThatIsChangedBeforeItsCommit_HoldsTheChange(string change, string expected)
    {
        In($"{Make}; sync a");
        In(
            $$"""
            cp a /tmp/frame-copy-$$; trap "rm -f /tmp/frame-copy-$$" EXIT
            python3 - /tmp/frame-copy-$$ <<'END'
            import os, sys
            a, b = os.open("a", os.O_RDONLY), os.open("b", os.O_RDWR | os.O_CREAT)
            size, done = os.fstat(a).st_size, 0
            while done < size: done += os.copy_file_range(a, b, size - done)
            {{change}}
            os.close(b)
            with open(sys.argv[1], "r+b") as f:
                {{(expected.Length == 0 ? "pass" : expected)}}
            END
            cmp b /tmp/frame-copy-$$
            cp b $source/../expected 2>/dev/null || true
            """);
        _folder.Crash();
        _folder.Start();
        In("cmp b $source/../expected");
        _folder.Remount();
        In("cmp b $source/../expected; zstd -qdc $source/b.zst | cmp - b");
    }

    [TestCase(0, 0, 8_388_608)]
    [TestCase(524_288, 0, 8_388_608)]
    [TestCase(1_048_576, 0, 30_000_000)]
    [TestCase(1000, 0, 8_388_608)]
    [TestCase(0, 1000, 8_388_608)]
    [TestCase(524_288, 1_048_576, 8_000_000)]
    public void RangeCopied_IsThatRange(int from, int to, int length)
    {
        In($"{Make}; sync a");
        In(
            $$"""
            python3 - <<'END'
            import os
            a, b = os.open("a", os.O_RDONLY), os.open("b", os.O_RDWR | os.O_CREAT)
            os.write(b, b"0123456789" * ({{to}} // 10) + b"x" * ({{to}} % 10))
            done = 0
            while done < {{length}}:
                n = os.copy_file_range(a, b, {{length}} - done, {{from}} + done, {{to}} + done)
                if n == 0: break
                done += n
            data = open("a", "rb").read()
            assert done == min({{length}}, len(data) - {{from}}), done
            expected = b"0123456789" * ({{to}} // 10) + b"x" * ({{to}} % 10) + data[{{from}}:{{from}} + done]
            os.close(b)
            assert open("b", "rb").read() == expected
            open("{{_folder.Source}}/../expected", "wb").write(expected)
            END
            """);
        _folder.Remount();
        In("cmp b $source/../expected; zstd -qdc $source/b.zst | cmp - b");
    }

    [Test]
    public void TwoFilesCopiedOntoEachOther_DoNotWaitForEver()
    {
        In(
            """
            head -c 6000000 /dev/zero | tr '\0' a > a; cp a b; sync
            timeout 60 python3 - <<'END'
            import os
            def copy(x, y):
                for i in range(60):
                    s, d = os.open(x, os.O_RDONLY), os.open(y, os.O_RDWR)
                    os.ftruncate(d, 0)
                    while os.copy_file_range(s, d, 1 << 30): pass
                    os.close(s); os.close(d)
            if os.fork() == 0:
                copy("a", "b"); os._exit(0)
            copy("b", "a")
            assert os.wait()[1] == 0
            for f in "ab": assert set(open(f, "rb").read()) <= {97}
            END
            """);
    }

    /// <summary>Its caller can be interrupted between requests only.</summary>
    [Test]
    public void LongCopy_IsDoneInPieces()
    {
        In("head -c 200000000 /dev/zero | tr '\\0' a > a; truncate -s 2500M z");
        Assert.That(_folder.Program("sync", _folder.Mount).ExitCode, Is.Zero);
        In(
            """
            python3 - <<'END'
            import os
            def copy(name, begin):
                a, b = os.open(name, os.O_RDONLY), os.open(name + "-copy", os.O_RDWR | os.O_CREAT)
                size, done, pieces = os.fstat(a).st_size - begin, 0, []
                while n := os.copy_file_range(a, b, size, begin + done, done): pieces.append(n); done += n
                assert done == size == os.fstat(b).st_size, (done, size)
                return pieces
            # From the middle of a frame everything is decoded; from its beginning the frames are taken as they are.
            decoded, taken = copy("a", 1), copy("z", 0)
            assert max(decoded) == 64 << 20 and len(decoded) == 3, decoded
            assert max(taken) == 1 << 30 and len(taken) == 3, taken
            END
            tail -c +2 a | cmp - a-copy; cmp z z-copy
            """);
    }
}
