using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>Which windows are decoded, and what is said of those that are not.</summary>
[TestFixture]
internal sealed class WindowLimitTests
{
    private const long Mebibyte = 1 << 20;

    private static readonly Codec Any = Codec.Of(CodecChoice.Auto);

    [Test]
    public void Require_UpToTheLimitAndTheMachine_IsAllowed()
    {
        var windows = new WindowLimit(Any, WindowLimit.HighestBytes, static () => 3000 * Mebibyte);
        foreach (long bytes in new[] { 1, 128 * Mebibyte, 129 * Mebibyte, 2048 * Mebibyte })
            Assert.That(() => windows.Require(bytes, 0), Throws.Nothing);
    }

    /// <summary>The machine is not asked for what zstd decodes unasked.</summary>
    [Test]
    public void Require_DefaultWindowOnAFullMachine_IsAllowed() =>
        Assert.That(() => new WindowLimit(Any, availableBytes: static () => 0).Require(WindowLimit.DefaultBytes, 0),
            Throws.Nothing);

    [Test]
    public void Require_BeyondTheLimit_SaysWhichOptionReadsIt() =>
        Assert.That(() => new WindowLimit(Any).Require(200 * Mebibyte - 5, 0),
            Throws.InstanceOf<WindowTooLargeException>().With.Message.EqualTo(
                "intact; needs a window of 200 MiB: --max-window=200M"));

    [Test]
    public void Require_MoreThanTheMachineHas_SaysSo() =>
        Assert.That(() =>
            new WindowLimit(Any, WindowLimit.HighestBytes, static () => 100 * Mebibyte).Require(512 * Mebibyte, 0),
            Throws.InstanceOf<WindowTooLargeException>().With.Message.EqualTo(
                "intact; needs a window of 512 MiB, and this machine has 100 MiB of memory left"));

    [Test]
    public void Require_MoreThanAnyZstd_IsDamage() =>
        Assert.That(() => WindowLimit.OfTools(Any).Require(4096 * Mebibyte, 7),
            Throws.InstanceOf<DamagedFrameException>());
}
