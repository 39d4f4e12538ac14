using ZstdFs.Core.Compression;
using ZstdFs.Core.Mounting;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.FileSystem;

/// <summary>Real mounts, used by real programs; what arrives in the source is judged by stock zstd.</summary>
[CancelAfter(120_000)]
internal sealed class MountedSourceTests
{
    [Test]
    public void WrittenFile_IsOrdinaryZstdInTheSource_AndReadsBackAfterRemount()
    {
        using var mounted = new MountedSource();
        mounted.Shell("""
            seq 1 100000 > numbers; mkdir -p a/b; echo small > a/b/small; : > empty
            zstd -dc "$SRC/numbers.zst" | cmp - <(seq 1 100000)
            zstd -q -t "$SRC"/numbers.zst "$SRC"/a/b/small.zst "$SRC"/empty.zst
            test "$(stat -c %s numbers)" = 588895
            """);
        mounted.Remount();
        mounted.Shell(
            "cmp numbers <(seq 1 100000); test \"$(cat a/b/small)\" = small; test ! -s empty; test \"$(ls -A | tr '\\n"
            + "' ' ')\" = 'a empty numbers '");
        Assert.That(mounted.Log, Is.Empty);
    }

    [Test]
    public void AppendAndOverwrite_OfALongFile_KeepTheRest()
    {
        using var mounted = new MountedSource();
        mounted.Shell("""
            seq 1 1000000 > f; seq 1 1000000 > "$SRC/../plain"
            for where in "$SRC/../plain" f; do
              echo appended >> $where
              printf overwritten | dd of=$where bs=1 seek=3000000 conv=notrunc status=none
              truncate -s 6000001 $where; truncate -s 6500000 $where
              printf tail | dd of=$where bs=1 seek=6499990 conv=notrunc status=none
            done
            cmp f "$SRC/../plain"
            """);
        mounted.Synchronize();
        mounted.Shell("""zstd -dc "$SRC/f.zst" | cmp - "$SRC/../plain"; test -z "$(ls -A "$SRC/.zstdfs/working")" """);
        mounted.Remount();
        mounted.Shell("cmp f \"$SRC/../plain\"");
        Assert.That(mounted.Log, Is.Empty);
    }

    [Test]
    public void ExceptionThatNothingWasPreparedFor_IsCounted_AndDamageIsNot()
    {
        using var mounted = new MountedSource();
        Assert.That(mounted.Fail(new DamagedFrameException("a frame")), Is.Zero);
        Assert.That(mounted.Fail(new InvalidOperationException("a fault")), Is.EqualTo(1));
        Assert.That(mounted.Fail(new InvalidOperationException("a fault")), Is.EqualTo(2));
    }

    [Test]
    public void Attributes_SurviveARewriteAndARemount()
    {
        using var mounted = new MountedSource();
        string before = mounted.Shell(
            "echo one > f; chmod 640 f; chown 12:34 f; setfattr -n user.note -v kept f 2>/dev/null || "
            + "true; echo two >> f; touch -d '2001-02-03 04:05:06.789012345' f; stat -c '%i %a %u %g %s %y' f");
        mounted.Remount();
        Assert.That(mounted.Shell("stat -c '%i %a %u %g %s %y' f"), Is.EqualTo(before));
        Assert.That(before, Does.EndWith("640 12 34 8 2001-02-03 04:05:06.789012345 +0000\n"));
    }

    [Test]
    public void NamesMoveAndGo_AsOnAnyFileSystem()
    {
        using var mounted = new MountedSource();
        mounted.Shell("""
            echo a > a; echo b > b; mv a b; test "$(cat b)" = a; test ! -e a
            mkdir d; mv b d/c; mv d e; test "$(cat e/c)" = a; ln -s c e/link; test "$(cat e/link)" = a
            mkfifo e/pipe; test -p e/pipe; exec 3< e/c; rm e/c; test "$(cat <&3)" = a; exec 3<&-
            rm -r e; test -z "$(ls -A)"; test -z "$(ls -A "$SRC" | grep -v '^.zstdfs$')"
            """);
        Assert.That(mounted.Log, Is.Empty);
    }

    [Test]
    public void AnotherHandle_SeesWhatIsNotFlushedYet()
    {
        using var mounted = new MountedSource();
        string path = Path.Combine(mounted.Mount, "f");
        using FileStream writer =
            new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        writer.Write("not flushed"u8);
        Assert.That(new FileInfo(path).Length, Is.EqualTo(11));
        using FileStream reader = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        Assert.That(new StreamReader(reader).ReadToEnd(), Is.EqualTo("not flushed"));
    }

    [Test]
    public void ForeignFilesInTheSource_ShowTheirSizeAndContent()
    {
        using var mounted = new MountedSource();
        mounted.Shell("""
            seq 1 200000 > "$SRC/../plain"; cd "$SRC"
            zstd -q -19 -k ../plain -o best.zst; zstd -q < ../plain > stream.zst
            zstd -q --no-check -k ../plain -o unchecked.zst
            { head -c 500000 ../plain | zstd -q; tail -c +500001 ../plain | zstd -q; } > two.zst
            cd "$MNT"
            for f in best stream unchecked two; do
                test "$(stat -c %s $f)" = "$(stat -c %s "$SRC/../plain")"; cmp $f "$SRC/../plain"
            done
            test ! -e plain; cp "$SRC/two.zst" "$SRC/late.zst"; cmp late "$SRC/../plain"
            echo more >> two; zstd -dc "$SRC/two.zst" | cmp - <(cat "$SRC/../plain"; echo more)
            """);
        Assert.That(mounted.Log, Is.Empty);
    }

    [Test]
    public void ADamagedFile_IsEioAndNamedInTheLog()
    {
        using var mounted = new MountedSource();
        mounted.Shell(
            "seq 1 1000 > f; seq 1 10 > g; printf xxxx | dd of=\"$SRC/f.zst\" bs=1 seek=100 conv=notrunc status=none; "
            + "if cat f > /dev/null 2>&1; then exit 1; fi; test \"$(cat g | wc -l)\" = 10");
        Assert.That(mounted.Log, Is.Not.Empty);
    }

    [Test]
    public void ASecondWriter_OfTheSameSource_IsRefused()
    {
        using var mounted = new MountedSource();
        Assert.That(ZstdFs.Linux.SystemCallsAt.Open(
            new ZstdFs.Linux.NativeName(System.Text.Encoding.UTF8.GetBytes(mounted.Source + "\0")),
            ZstdFs.Linux.OpenFlags.ReadOnly | ZstdFs.Linux.OpenFlags.Directory, out ZstdFs.Linux.FileDescriptor root),
                Is.GreaterThanOrEqualTo(0));
        using (root)
            Assert.That(() => ServedSource.Open(root, new FileSystemOptions(), mounted),
                Throws.TypeOf<Core.Source.SourceException>());
    }
}
