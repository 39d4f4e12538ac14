using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>The small tools that change a file in place or put a new one over it.</summary>
internal sealed class EditingTests(Ground ground) : ProgramTests(ground)
{
    [Test]
    public void SedInPlace_ReplacesAndKeepsMode()
    {
        Bash("seq 1000 > f && chmod 640 f && sed -i 's/^5$/five/' f");
        Assert.That(Bash("sed -n 5p f; wc -l < f; stat -c %a f; ls -A"), Is.EqualTo("five\n1000\n640\nf"));
        AssertKept();
    }

    [Test]
    public void MoveOverAnOpenFile_OldReaderKeepsOldContent()
    {
        Assert.That(Bash("echo old > f && exec 3< f && echo new > g && mv g f && cat <&3 && cat f && ls"),
            Is.EqualTo("old\nnew\nf"));
        AssertKept();
    }

    [Test]
    public void MoveOverALargeOpenFile_OldReaderKeepsOldContent()
    {
        Bash("head -c 5000000 /dev/urandom > \"$outside/old\" && cp \"$outside/old\" f && exec 3< f && "
            + "head -c 10 <&3 > /dev/null && seq 10 > g && mv g f && cat <&3 | cmp - <(tail -c +11 \"$outside/old\")");
        Assert.That(Bash("wc -l < f"), Is.EqualTo("10"));
        AssertKept();
    }

    [Test]
    public void Mktemp_MakesANewEmptyFileOfTheOwnersAlone()
    {
        Assert.That(Bash("name=$(mktemp -p . t.XXXXXX) && stat -c '%s %a' $name && echo x > $name && cat $name"),
            Is.EqualTo("0 600\nx"));
        AssertKept();
    }

    [Test]
    public void Install_SetsModeOwnerAndTime()
    {
        if (IsForRootOnly("owners", "chown 12:34 refused"))
            return;
        Bash("echo content > \"$outside/f\" && touch -d @1234567890.123456789 \"$outside/f\" && "
            + "install -p -m 751 -o 12 -g 34 -D \"$outside/f\" to/g && install -m 600 \"$outside/f\" to/g2 && "
            + "install -m 644 \"$outside/f\" to/g2");
        Assert.That(Bash("stat -c '%a %u:%g %.9Y' to/g && stat -c %a to/g2 && cat to/g to/g2"),
            Is.EqualTo("751 12:34 1234567890.123456789\n644\ncontent\ncontent"));
        AssertKept();
    }

    [Test]
    public void RedirectionToAFile_EmptiesIt()
    {
        Assert.That(Bash("seq 100000 > f && : > f && stat -c %s f && cat f && echo end"), Is.EqualTo("0\nend"));
        AssertKept();
    }

    [TestCase(0, 1_000_000)]
    [TestCase(3_000_000, 1_234_567)]
    [TestCase(3_000_000, 0)]
    [TestCase(3_000_000, 3_000_001)]
    [TestCase(100, 7_000_000)]
    public void Truncate_ShrinksOrGrowsWithZeros(int from, int to)
    {
        Bash($"seq 1000000 | head -c {from} > f || true; cp f \"$outside/f\"; truncate -s {to} f; "
            + $"truncate -s {to} \"$outside/f\"; cmp f \"$outside/f\"");
        Assert.That(Bash("stat -c %s f"), Is.EqualTo($"{to}"));
        AssertKept();
        Bash("cmp f \"$outside/f\"");
    }

    [Test]
    public void ShrinkThenGrow_ShowsZerosAndNotTheOldContent()
    {
        Bash("set +o pipefail; yes | head -c 2000000 > f; truncate -s 700001 f; truncate -s 1500000 f; "
            + "{ set +o pipefail; yes | head -c 700001; head -c 799999 /dev/zero; } > \"$outside/f\" || true; "
            + "cmp f \"$outside/f\"");
        AssertKept();
        Bash("cmp f \"$outside/f\"");
    }

    [TestCase(3_000_000, 1, 1)]
    [TestCase(3_000_000, 524_287, 3)]
    [TestCase(3_000_000, 1_048_576, 524_288)]
    [TestCase(3_000_000, 2_999_990, 1000)]
    [TestCase(3_000_000, 5_000_000, 10)]
    [TestCase(100_000, 50_000, 5000)]
    public void DdIntoTheMiddle_ChangesThoseBytesAlone(int size, int offset, int length)
    {
        Bash(
            $$"""
            head -c {{size}} /dev/urandom > "$outside/f" && cp "$outside/f" f
            head -c {{length}} /dev/urandom > "$outside/part"
            for to in f "$outside/f"; do
                dd if="$outside/part" of="$to" bs=64K oflag=seek_bytes seek={{offset}} conv=notrunc status=none
            done
            cmp f "$outside/f"
            """);
        AssertKept();
        Bash("cmp f \"$outside/f\"");
    }

    [Test]
    public void AppendingAThousandTimes_IsAllThere()
    {
        Bash("for i in $(seq 1000); do echo line $i >> log; done; diff log <(seq -f 'line %.0f' 1000)",
            TimeSpan.FromMinutes(2));
        AssertKept();
    }

    [Test]
    public void SparseCopy_KeepsHolesAndContent()
    {
        Bash("truncate -s 20M f && printf middle | dd of=f bs=1 seek=10000000 conv=notrunc status=none && "
            + "cp --sparse=always f g && cmp f g && "
            + "[ \"$(dd if=g bs=1 skip=10000000 count=6 status=none)\" = middle ]");
        AssertKept();
    }
}
