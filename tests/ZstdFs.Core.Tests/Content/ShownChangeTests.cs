using ZstdFs.Core.Attributes;
using ZstdFs.Core.Content;
using ZstdFs.Core.Tests.Commits;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Content;

/// <summary>The change time that users see while a commit of the file is under way.</summary>
internal sealed class ShownChangeTests
{
    // A tick of the clock.
    private const int TickMs = 20;

    [Test]
    public void ChangeThatFailsDuringACommit_MovesNothing()
    {
        using var source = new OpenSource();
        FileContent content = source.Open("f", "content"u8);
        Timestamp before = content.Change.Shown;
        content.Change.Begin();
        Thread.Sleep(TickMs);
        Change(source, content, -(int)Errno.EPERM);
        Assert.That(content.Change.Shown, Is.EqualTo(before));
    }

    [Test]
    public void ChangeDuringACommit_MovesIt([Values] bool isAbandoned)
    {
        using var source = new OpenSource();
        FileContent content = source.Open("f", "content"u8);
        Timestamp before = content.Change.Shown;
        content.Change.Begin();
        Thread.Sleep(TickMs);
        Change(source, content, 0);
        if (isAbandoned)
            content.Change.Abandon();
        Assert.That(content.Change.Shown, Is.GreaterThan(before));
    }

    private static void Change(OpenSource source, FileContent content, int result) =>
        new ChangeTimes(source.Services, null!, source.Contents).End(
            ChangeTimes.Begin(content.Node, content), result, mayBeInWindow: false);
}
