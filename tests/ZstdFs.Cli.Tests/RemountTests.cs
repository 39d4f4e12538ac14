using ZstdFs.Cli.Mounting;

namespace ZstdFs.Cli.Tests;

/// <summary>Which options a remount takes.</summary>
[TestFixture]
internal sealed class RemountTests
{
    [TestCase("foo,level=5", "remount,ro", false)]
    [TestCase("foo=1,sync,level=5", "remount,foo=1,sync", false, Description = "mount(8) repeats what fstab says")]
    [TestCase("", "remount,bar", true)]
    public void UnknownOptionThatWasPassedOver_IsPassedOver(string given, string list, bool sloppy)
    {
        ulong flags = 0;
        Assert.That(Remount.Refused(given, [list], sloppy, ref flags), Is.Empty);
    }

    [Test]
    public void UnknownOption_IsRefused()
    {
        ulong flags = 0;
        Assert.That(() => Remount.Refused("foo", ["remount,bar"], sloppy: false, ref flags),
            Throws.TypeOf<CommandFailure>().With.Message.Contains("'bar'"));
    }

    [Test]
    public void OtherLevel_IsNamed()
    {
        ulong flags = 0;
        Assert.That(
            Remount.Refused("foo,level=5", ["remount,level=6", "level=6"], sloppy: true, ref flags),
            Is.EqualTo(new[] { "'level'" }));
    }
}
