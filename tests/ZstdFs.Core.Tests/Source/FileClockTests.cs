using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Source;

/// <summary>The clock of what is written, and the steps in which file systems keep times.</summary>
internal sealed class FileClockTests
{
    [TestCase(123_456_789, 987_654_321, 123_456_789, Description = "ext4")]
    [TestCase(123_456_789, 0, 0, Description = "ext4 in inodes of 128 bytes")]
    [TestCase(123_456_789, 20_000_000, 120_000_000, Description = "exFAT")]
    [TestCase(123_456_789, 987_654_000, 123_456_789, Description = "ext4, by chance")]
    public void Time_HasTheStepsOfTheFileSystem(long nanoseconds, long sample, long expected)
    {
        foreach (long seconds in new[] { -5L, 5L })
            Assert.That(FileClock.RoundDown(new Timestamp(seconds, nanoseconds), new Timestamp(7, sample)),
                Is.EqualTo(new Timestamp(seconds, expected)));
    }

    [Test]
    public void WindowOfWholeSeconds_CoversAllOfItsSecond()
    {
        const long UnitsPerSecond = 250;
        long end = ChangeWindow.Next(), second = end / UnitsPerSecond;
        Assert.That(ChangeWindow.Covers(end, new Timestamp(second, 0)), Is.True);
        Assert.That(ChangeWindow.Covers(end, new Timestamp(second - 2, 0)), Is.False);
        Assert.That(ChangeWindow.Covers(end, new Timestamp(second - 2, 1)), Is.False);
        Assert.That(ChangeWindow.MayCoverNow(end - 4 * UnitsPerSecond), Is.False);
    }
}
