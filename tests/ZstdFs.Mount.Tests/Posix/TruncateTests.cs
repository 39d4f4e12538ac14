using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>A size set without a write, by every call that sets one.</summary>
internal sealed class TruncateTests(Ground ground) : ProgramTests(ground)
{
    [TestCase("os.truncate('f', 500)", 500)]
    [TestCase("os.truncate('f', 0)", 0)]
    [TestCase("os.truncate('f', 4000000)", 4_000_000)]
    [TestCase("os.close(os.open('f', os.O_WRONLY | os.O_TRUNC))", 0)]
    [TestCase("os.close(os.open('f', os.O_RDONLY | os.O_TRUNC))", 0)]
    [TestCase("fd = os.open('f', os.O_RDWR); os.ftruncate(fd, 700); os.close(fd)", 700)]
    [TestCase("fd = os.open('f', os.O_RDWR); os.ftruncate(fd, 3); os.ftruncate(fd, 2000000); os.close(fd)", 2_000_000)]
    public void SizeSetWithoutAWrite_Persists(string change, int size)
    {
        foreach (int before in new[] { 1000, 3_000_000 })
        {
            Python($"import os\nwith open('f', 'wb') as f: f.write(b'0123456789' * {before / 10})");
            Remount();
            string kept = change.Contains("3);", StringComparison.Ordinal) ? "3" : $"min({before}, {size})";
            Python($"import os\n{change}\nassert os.stat('f').st_size == {size}");
            string check = $"""
                kept = {kept}
                with open('f', 'rb') as f:
                    assert f.read() == (b'0123456789' * {before / 10})[:kept] + bytes({size} - kept)
                """;
            Python(check);
            AssertKept();
            Python(check);
        }
    }

    [Test]
    public void ModifyTimeMovesWithTheSize()
    {
        Bash("echo content > f && touch -d @1000000000 f && truncate -s 3 f");
        Assert.That(Bash("[ $(stat -c %Y f) -gt 1700000000 ] && echo moved"), Is.EqualTo("moved"));
        AssertKept();
    }
}
