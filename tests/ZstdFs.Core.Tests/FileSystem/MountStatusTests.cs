using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Tests.FileSystem;

/// <summary>What `zstdfs status` asks a mount for.</summary>
[CancelAfter(120_000)]
internal sealed class MountStatusTests
{
    /// <summary>JSON writes such a character in six bytes.</summary>
    [TestCase(100)]
    [TestCase(1_000)]
    [TestCase(2_500)]
    [TestCase(3_000)]
    [TestCase(100_000)]
    public void OptionsOfControlCharacters_DoNotKeepTheAnswerBack(int length)
    {
        using var mounted = new MountedSource(new FileSystemOptions { MountedWith = new string('\u0001', length) });
        Task<long> status = Task.Run(() => mounted.Fail(new DamagedFrameException("a frame")));
        Assert.That(status.Wait(TimeSpan.FromSeconds(20)), Is.True);
        Assert.That(status.Result, Is.Zero);
    }
}
