using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.FileSystem;

/// <summary>Set-id bits and capabilities that cannot be taken away at one write go at a later one.</summary>
[CancelAfter(120_000)]
internal sealed class PrivilegesTests
{
    [Test]
    public void BitsAndCapabilitiesThatCouldNotBeTakenAway_GoWithTheNextWrite()
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("another user is needed");
        using var mounted = new MountedSource(prepare: "touch t; chattr +i t && chattr -i t && touch flags; rm t");
        if (!File.Exists(mounted.Source + "/flags"))
            Assert.Ignore("the tests' folder must be on a file system with inode flags");
        mounted.Shell("echo one > f; chmod 4777 f; chmod 777 .; sync f");
        mounted.Synchronize();
        mounted.Shell("""
            python3 - <<'P'
            import os, subprocess
            f = os.open('f', os.O_RDWR)
            stored = os.environ['SRC'] + '/f.zst'
            def write():
                child = os.fork()
                if child == 0:
                    os.setgroups([]); os.setgid(1000); os.setuid(1000)
                    os.pwrite(f, b'x', 0)
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
            subprocess.check_call(['chattr', '+i', stored])
            try:
                write()
                before = os.stat(stored).st_mode
            finally:
                subprocess.check_call(['chattr', '-i', stored])
            assert before & 0o4000, oct(before)
            write()
            assert not os.stat(stored).st_mode & 0o4000, oct(os.stat(stored).st_mode)
            P
            """);
    }
}
