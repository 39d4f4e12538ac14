using ZstdFs.Core.Tests.Harness;
namespace ZstdFs.Core.Tests.FileSystem;

/// <summary>Folders whose paths are longer than the kernel takes at once, reached level by level.</summary>
[CancelAfter(120_000)]
internal sealed class DeepFolderTests
{
    /// <summary>A rename in two steps is written down before it begins, and there is no place for this path.</summary>
    [Test]
    public void RenameInTwoSteps_IsRefusedWhereItsFolderCannotBeWrittenDown()
    {
        using var mounted = new MountedSource();
        mounted.Shell("""
            mkdir top; echo top > top/f; mkfifo top/p
            python3 - <<'P'
            import ctypes, errno, os
            libc = ctypes.CDLL(None, use_errno=True)
            def rename(a, x, b, y, flags=0):
                if libc.renameat2(a, x, b, y, flags) < 0:
                    return errno.errorcode[ctypes.get_errno()]
                return 'done'
            top = os.open('top', os.O_RDONLY)
            below = os.open('.', os.O_RDONLY)
            for i in range(25):
                os.mkdir('d' * 200, dir_fd=below)
                below, above = os.open('d' * 200, os.O_RDONLY, dir_fd=below), below
            os.mkfifo('p', dir_fd=below)
            os.close(os.open('f', os.O_WRONLY | os.O_CREAT, dir_fd=below))
            # Exchanges name both folders, a replacement names the new one only.
            assert rename(below, b'p', below, b'f') == 'ENAMETOOLONG'
            assert rename(below, b'p', top, b'f', 2) == 'ENAMETOOLONG'
            assert rename(top, b'p', below, b'f', 2) == 'ENAMETOOLONG'
            assert sorted(os.listdir(below)) == ['f', 'p'] and sorted(os.listdir(top)) == ['f', 'p']
            assert rename(below, b'p', top, b'f') == 'done'
            assert rename(below, b'f', below, b'g') == 'done'
            assert os.listdir(below) == ['g'] and sorted(os.listdir(top)) == ['f', 'p']
            P
            test -p top/f; test ! -e "$SRC/.zstdfs/names"
            """);
        Assert.That(mounted.Log, Is.Empty);
        mounted.Shell("rm -rf d*");
    }
}
