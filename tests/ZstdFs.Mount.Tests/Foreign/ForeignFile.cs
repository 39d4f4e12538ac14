using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Foreign;

/// <summary>A way in which somebody else's program makes a .zst file.</summary>
/// <param name="Name">Words for it.</param>
/// <param name="Recipe">Script that writes <c>stored.zst</c>, and <c>plain</c> where the usual one is not what it
/// holds.</param>
internal sealed record ForeignFile(string Name, string Recipe)
{
    // A skippable frame: magic 0x184D2A50 and length, little-endian, then that many bytes.
    private const string Skippable = @"skippable() { printf '\x50\x2a\x4d\x18\x0b\x00\x00\x00hello there'; }; ";
    private const string Halves = "head -c 1234567 plain > first; tail -c +1234568 plain > second; ";

    internal static readonly ForeignFile[] All =
    [
        new("level 3", "zstd -q plain -o stored.zst"),
        new("level 19", "zstd -q -19 plain -o stored.zst"),
        new("fastest", "zstd -q --fast=10 plain -o stored.zst"),
        new("long window",
            "for i in 1 2 3 4; do cat plain; head -c 4000000 /dev/urandom; done > long; cat long >> long2; "
            + "cat long >> long2; mv long2 plain; zstd -q --long=27 plain -o stored.zst"),
        new("several threads", "zstd -q -T0 -B1M plain -o stored.zst"),
        new("rsyncable", "zstd -q -T2 --rsyncable plain -o stored.zst"),
        new("pzstd", "pzstd -q -p 3 plain -o stored.zst"),
        new("two files one after the other", Halves + "zstd -q first second && cat first.zst second.zst > stored.zst"),
        new("many small frames", "split -b 30000 -a 4 plain part. && zstd -q part.* && cat part.????.zst > stored.zst"),
        new("frames of all kinds", Halves + "{ zstd -q < first; zstd -qc --no-check second; } > stored.zst"),
        new("empty frame between two",
            Halves + "{ zstd -qc first; zstd -q < /dev/null; zstd -qc second; } > stored.zst"),
        new("no content size", "zstd -q < plain > stored.zst"),
        new("no content size, two frames", Halves + "{ zstd -q < first; zstd -q < second; } > stored.zst"),
        new("no checksum", "zstd -q --no-check plain -o stored.zst"),
        new("skippable frame first", Skippable + "{ skippable; zstd -qc plain; } > stored.zst"),
        new("skippable frames in the middle",
            Skippable + Halves + "{ zstd -qc first; skippable; skippable; zstd -q < second; } > stored.zst"),
        new("skippable frame last", Skippable + "{ zstd -qc plain; skippable; } > stored.zst"),
        new("incompressible", "head -c 3000001 /dev/urandom > plain && zstd -q plain -o stored.zst"),
        new("one byte repeated", "head -c 50000000 /dev/zero > plain && zstd -q plain -o stored.zst"),
        new("one byte", "printf x > plain && zstd -q plain -o stored.zst"),
        new("nothing", ": > plain && zstd -q plain -o stored.zst"),
        new("nothing without content size", ": > plain && zstd -q < plain > stored.zst"),
        new("zero bytes", ": > plain && : > stored.zst"),
        new("a skippable frame alone", Skippable + ": > plain && skippable > stored.zst"),
    ];

    /// <summary>
    /// Writes <c>f.zst</c> into <paramref name="source"/> and what it holds into <paramref name="plain"/>.
    /// </summary>
    internal void Make(string source, string plain)
    {
        string folder = TestMachine.CreateFolder();
        try
        {
            Shell.Get(
                $$"""
                set -euo pipefail; cd '{{folder}}'
                python3 -c 'import random; r = random.Random(1)
                print("".join(f"{i} {r.randrange(10**9)} some text that repeats\n" for i in range(80000)),
                    end="")' > plain
                {{Recipe}}
                [ ! -s stored.zst ] || zstd -qdc --long=27 stored.zst | cmp - plain
                chmod 640 stored.zst; touch -d @1234567890.123456789 stored.zst
                cp -p stored.zst '{{source}}/f.zst'; cp plain '{{plain}}'
                """, TimeSpan.FromMinutes(2));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public override string ToString() => Name;
}
