using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.KernelCache;

/// <summary>
/// A handle that only writes goes past the kernel's page cache; whoever reads beside it must not notice.
/// </summary>
internal sealed class DirectWriterTests(Ground ground) : GroundTests(ground)
{
    [TestCase("os.O_RDONLY", "before")]
    [TestCase("os.O_RDWR", "before")]
    [TestCase("os.O_RDONLY", "after")]
    [TestCase("os.O_RDWR", "after")]
    public void MappedReader_SeesEachWrite(string flags, string opened)
    {
        Python(
            $$"""
            import mmap, os
            with open("f", "wb") as f: f.write(bytes(100_000))
            def reader():
                r = os.open("f", {{flags}})
                return r, mmap.mmap(r, 100_000, mmap.MAP_SHARED, mmap.PROT_READ)
            if "{{opened}}" == "before": r, m = reader()
            w = os.open("f", os.O_WRONLY)
            if "{{opened}}" == "after": r, m = reader()
            for i in range(300):
                at = i * 331
                assert m[at] == 0
                os.pwrite(w, b"%3d" % i, at)
                assert m[at:at + 3] == b"%3d" % i, i
                assert os.pread(r, 3, at) == b"%3d" % i, i
            os.close(w)
            assert m[331:334] == b"  1"
            os.pwrite(os.open("f", os.O_WRONLY), b"last", 50_001)
            assert m[50_001:50_005] == b"last" and os.pread(r, 4, 50_001) == b"last"
            """);
        AssertKept();
    }

    [Test]
    public void ReadersBesideAnAppendingWriter_SeeOnlyWhatWasWritten()
    {
        // Record n is n × 37 bytes of its own letter: a page kept from before a write would show zeros or an older end.
        Python(
            """
            import mmap, os, threading
            records = [bytes([97 + i % 26]) * (i % 97 * 37 + 1) for i in range(1500)]
            whole = b"".join(records)
            w = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            written, wrong, done = 0, [], False
            def read(mapped):
                r = os.open("log", os.O_RDONLY)
                while not done and not wrong:
                    size = written
                    if size == 0: continue
                    start = max(0, size - 9000)
                    if mapped:
                        with mmap.mmap(r, size, mmap.MAP_SHARED, mmap.PROT_READ) as m: got = m[start:size]
                    else:
                        got = os.pread(r, size - start, start)
                    if got != whole[start:size]: wrong.append((mapped, start, size))
                os.close(r)
            threads = [threading.Thread(target=read, args=(mapped,)) for mapped in (False, True, True)]
            for t in threads: t.start()
            for record in records:
                written += os.write(w, record)
            done = True
            for t in threads: t.join()
            assert not wrong, wrong
            os.close(w)
            assert open("log", "rb").read() == whole
            """);
        AssertKept();
    }

    [TestCase("os.O_WRONLY")]
    [TestCase("os.O_RDWR")]
    public void Writing_TakesCapabilitiesAway_AndACommitKeepsThoseGivenAfter(string flags)
    {
        if (IsForRootOnly("capabilities",
            "setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 refused"))
            return;
        Python(
            $$"""
            import os
            capability = bytes.fromhex("0100000200040000000000000000000000000000")
            with open("f", "wb") as f: f.write(os.urandom(3_000_000))
            os.setxattr("f", "security.capability", capability)
            w = os.open("f", {{flags}})
            assert os.getxattr("f", "security.capability") == capability
            os.pwrite(w, b"x", 5)
            assert "security.capability" not in os.listxattr("f")
            os.setxattr("f", "security.capability", capability)
            os.pwrite(w, b"x", 6)
            assert "security.capability" not in os.listxattr("f")
            os.close(w)
            os.setxattr("f", "security.capability", capability)
            os.sync()
            assert os.getxattr("f", "security.capability") == capability
            """);
    }
}
