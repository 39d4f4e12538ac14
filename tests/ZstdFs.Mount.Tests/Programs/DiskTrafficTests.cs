using System.Globalization;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>What a disk gets to write: the compressed content, and not the working copy that it was made of.</summary>
[TestFixture("ext4")]
[TestFixture("xfs")]
[TestFixture("btrfs")]
[CancelAfter(120_000)]
internal sealed class DiskTrafficTests(string type) : MountOnImageTests(type, 1024)
{
    // Compresses to a small part of itself; larger than what is compressed in memory.
    private const int FileMib = 96, MostWrittenMib = FileMib / 2;

    [Test]
    public void NewFile_ReachesTheDiskCompressedOnly() => AssertLittleIsWritten("");

    // What an earlier content was emptied for is a replacement to ext4, which writes it out when it is closed.
    [Test]
    public void FileThatIsEmptiedAndWrittenAgain_ReachesTheDiskCompressedOnly()
    {
        Write("");
        AssertLittleIsWritten("", isNew: false);
    }

    [Test]
    public void WorkingCopyThatIsEmptied_IsNotWrittenWhenItIsThrownAway() =>
        AssertLittleIsWritten("file.write(text); file.truncate(0); file.seek(0)");

    private void AssertLittleIsWritten(string before, bool isNew = true)
    {
        // sync(1) of any program on this machine writes the working copy out, as it does every file.
        const int Attempts = 5;
        long written = MostWrittenMib;
        for (int attempt = 0; attempt < Attempts && written >= MostWrittenMib; attempt++)
        {
            if (isNew)
                File.Delete($"{Folder.Mount}/file");
            Shell.Get($"sync -f '{Image.Root}'");
            long earlier = WrittenMib();
            Write(before);
            written = WrittenMib() - earlier;
            TestContext.Out.WriteLine($"{written} MiB for a file of {FileMib} MiB");
        }
        Assert.That(written, Is.LessThan(MostWrittenMib));
        Assert.That(Shell.Get($"zstd -dc '{Folder.Source}/file.zst' | tail -n 1"), Is.EqualTo("the end"));
    }

    private void Write(string before)
    {
        Shell.Get(
            $"""
            python3 - <<'END'
            text = b"".join(b"%d\n" % n for n in range(1 << 17))[:1 << 19] * 2
            with open("{Folder.Mount}/file", "wb", buffering=0) as file:
                {(before.Length > 0 ? before : "pass")}
                for i in range({FileMib}): file.write(text)
                file.write(b"\nthe end\n")
            END
            """);
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero, () => Folder.Log);
        Shell.Get($"sync -f '{Image.Root}'");
    }

    private long WrittenMib()
    {
        const int SectorsInMib = 2048;
        string sectors =
            Shell.Get($"awk '{{ print $7 }}' /sys/block/$(basename $(findmnt -n -o SOURCE '{Image.Root}'))/stat");
        return long.Parse(sectors, CultureInfo.InvariantCulture) / SectorsInMib;
    }
}
