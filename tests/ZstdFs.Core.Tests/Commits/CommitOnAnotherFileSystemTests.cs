
using ZstdFs.Core.Tests.Harness;
namespace ZstdFs.Core.Tests.Commits;

/// <summary>
/// Files of a source on a file system that is mounted below its root: no rename leads there from the working folder.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class CommitOnAnotherFileSystemTests
{
    [Test]
    public void FolderThatRefusesTheRename_HasItsFileRewrittenInPlace()
    {
        Assume.That(Environment.IsPrivilegedProcess, "mounting in a source takes root");
        using var mounted = new MountedSource(
            prepare: "mkdir inner; mount -t tmpfs none inner; seq 9000 | zstd -q > inner/f.zst; chattr +a inner");
        try
        {
            string before = mounted.Shell("stat -c %i $SRC/inner/f.zst");
            foreach (string text in (string[])["changed", "CHANGED"])
            {
                mounted.Shell($"printf {text} | dd of=inner/f conv=notrunc status=none");
                mounted.Synchronize();
                Assert.That(mounted.Shell("zstd -qdc $SRC/inner/f.zst | head -c 7 || true"), Is.EqualTo(text));
                Assert.That(
                    mounted.Shell("cmp inner/f <(zstd -qdc $SRC/inner/f.zst); ls $SRC/.zstdfs/working"), Is.Empty);
            }
            Assert.That(
                mounted.Shell("stat -c %i $SRC/inner/f.zst"),
                Is.EqualTo(before),
                "it was replaced: the test proves nothing");
            Assert.That(mounted.Log, Is.Empty);
        }
        finally
        {
            mounted.Shell("chattr -a $SRC/inner; umount -l $SRC/inner");
        }
    }
}
