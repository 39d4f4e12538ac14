using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>A stored file whose content, and mostly length, the mount cannot find out.</summary>
/// <param name="Name">Words for it.</param>
/// <param name="Recipe">Script that writes <c>f.zst</c>.</param>
/// <param name="Error">What reading it fails with.</param>
/// <param name="Logged">What the log says of it.</param>
/// <param name="User">Who mounts, and owns the file.</param>
internal sealed record UndecodableFile(string Name, string Recipe, string Error, string Logged,
    ShellUser User = ShellUser.Same)
{
    /// <summary>The tools decode it: only its window is too large for a mount that was not told to allow it.</summary>
    internal bool IsForTools => Logged.Contains("window", StringComparison.Ordinal);

    /// <summary>Nothing says that its stored bytes are not in order.</summary>
    internal bool IsIntact => Logged.StartsWith("needs", StringComparison.Ordinal)
        || Logged.EndsWith("not zstd", StringComparison.Ordinal)
        || Logged.StartsWith("before", StringComparison.Ordinal);

    /// <summary>What the tools say of it.</summary>
    internal string Tooled => Logged == "damaged" ? "" : Logged;

    private const string Io = "Input/output error", NoMemory = "Cannot allocate memory";
    private const string Dictionary = "seq 1 5000 > d1; for i in $(seq 1 60); do seq $i $((i + 200)) > s$i; done; "
        + "zstd -q --train s* -o dict --dictID=77; ";

    internal static readonly UndecodableFile[] All =
    [
        new("window of 256 MiB", "seq 300000 | zstd -q --long=28 > f.zst", NoMemory, "needs a window of 256 MiB"),
        new("window of 256 MiB in the second frame",
            "{ echo first | zstd -q; seq 300000 | zstd -q --long=28; } > f.zst", NoMemory, "needs a window of 256 MiB"),
        new("window of 256 MiB, length stated", "head -c 200M /dev/zero > z; zstd -q --long=31 z -o f.zst; rm z",
            NoMemory, "needs a window of 200 MiB"),
        new("dictionary", Dictionary + "zstd -q -D dict < d1 > f.zst", Io, "needs the dictionary with ID 77"),
        new("dictionary, length stated", Dictionary + "zstd -q -D dict d1 -o f.zst", Io,
            "needs the dictionary with ID 77"),
        new("noise", "head -c 5000 /dev/urandom > f.zst", Io, "not a zstd file"),
        new("cut off, no length stated", "seq 300000 | zstd -q | head -c 20000 > f.zst", Io, "cut short"),
        new("first block damaged, no length stated",
            "seq 300000 | zstd -q > f.zst; printf '\\xff\\xff\\xff' | "
            + "dd of=f.zst bs=1 seek=20 conv=notrunc status=none",
            Io, "damaged"),
        new("gzip", "seq 3000 | gzip > f.zst", Io, "a gzip file, not zstd"),
        new("xz", "seq 3000 | xz > f.zst", Io, "an xz file, not zstd"),
        new("lzma", "seq 3000 | xz --format=lzma > f.zst", Io, "an lzma file, not zstd"),
        new("lz4", "printf '\\x04\\x22\\x4d\\x18 and more of it' > f.zst", Io, "an lz4 file, not zstd"),
        new("zstd v0.7", "printf '\\x27\\xb5\\x2f\\xfd and more of it' > f.zst", Io, "before 1.0 (v0.7)"),
        new("no permission", "seq 3000 | zstd -q > f.zst; chmod 000 f.zst", "Permission denied", "EACCES",
            ShellUser.Ordinary),
    ];

    /// <summary>Makes <c>f.zst</c> in a folder of the source, and <c>good.zst</c> beside it.</summary>
    internal void Make(string folder)
    {
        string elsewhere = TestMachine.CreateFolder();
        try
        {
            Shell.Get(
                $"set -e; mkdir -p '{folder}'; cd '{elsewhere}'; {Recipe}; echo good | zstd -q > '{folder}/good.zst'; "
                + $"cp -p f.zst '{folder}/f.zst'");
            if (User == ShellUser.Ordinary)
                Shell.Get($"chown -R 65534:65534 '{folder}'");
        }
        finally
        {
            Directory.Delete(elsewhere, recursive: true);
        }
    }

    public override string ToString() => Name;
}
