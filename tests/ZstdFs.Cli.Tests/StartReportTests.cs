using System.Text;
using ZstdFs.Cli.Mounting;

namespace ZstdFs.Cli.Tests;

[TestFixture]
internal sealed class StartReportTests
{
    [Test]
    public void Serving_ReturnsAfterTheWarnings() =>
        Assert.That(Await("W take care\nR\n"), Is.EqualTo("zstdfs: take care\n"));

    [Test]
    public void Failure_IsTheDaemonsOwnReasonAndCode()
    {
        CommandFailure failure = Assert.Throws<CommandFailure>(() => Await("F 5 no device here\n"))!;
        Assert.That((failure.Code, failure.Message), Is.EqualTo((ExitCode.FuseUnavailable, "no device here")));
    }

    [Test]
    public void DaemonThatDied_IsAFailure() =>
        Assert.That(() => Await("W take care\n"), Throws.TypeOf<CommandFailure>());

    private static string Await(string said)
    {
        var words = new StringWriter { NewLine = "\n" };
        // No such child: its status is an error number, which the message shows.
        StartReport.Await(new MemoryStream(Encoding.UTF8.GetBytes(said)), int.MaxValue, words);
        return words.ToString();
    }
}
