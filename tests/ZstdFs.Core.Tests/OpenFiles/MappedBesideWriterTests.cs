using ZstdFs.Core.Tests.Harness;
using ZstdFs.Fuse.Wire;

namespace ZstdFs.Core.Tests.OpenFiles;

/// <summary>
/// A file that a program has open only to write is mapped by others, as on any folder: also where the kernel maps no
/// file that is open past its page cache (before Linux 6.6).
/// </summary>
[CancelAfter(120_000)]
internal sealed class MappedBesideWriterTests
{
    private static InitFlags[] Withheld => [0, InitFlags.DirectIoAllowMmap];

    [Test]
    public void MappingBesideAWriter_Works_AndSeesWhatIsWritten([ValueSource(nameof(Withheld))] InitFlags withheld)
    {
        using var mounted = new MountedSource(withheld: withheld);
        mounted.Shell("""
            echo a > f; exec 3>> f
            cat > "$SRC/../map.py" <<'END'
            import mmap, os, sys
            file = open('f', 'r+b')
            shared = mmap.mmap(file.fileno(), 0)
            assert shared[:] == b'a\n', shared[:]
            os.write(3, b'b\n')
            longer = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            assert longer[:] == b'a\nb\n', longer[:]
            shared[0:1] = b'A'
            shared.flush()
            END
            python3 "$SRC/../map.py"
            exec 3>&-; test "$(cat f | tr '\n' ' ')" = 'A b '
            """.ReplaceLineEndings("\n"));
        mounted.Remount();
        mounted.Shell("test \"$(cat f | tr '\\n' ' ')\" = 'A b '");
        Assert.That(mounted.Log, Is.Empty);
    }
}
