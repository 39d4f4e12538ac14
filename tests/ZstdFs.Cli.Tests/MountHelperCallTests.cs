using ZstdFs.Cli.Commands;

namespace ZstdFs.Cli.Tests;

/// <summary>The words with which mount(8) calls its helpers.</summary>
internal sealed class MountHelperCallTests
{
    [TestCase("zstdfs", "mount|/s|/m|-f", "mount|/s|/m|-f")]
    [TestCase("zstdfs", "unmount|m", "unmount|m")]
    [TestCase("/usr/bin/zstdfs", "/s|/m|-o|ro", "mount|/s|/m|-o|ro")]
    [TestCase("/sbin/mount.fuse.zstdfs", "s|m|-o|rw,level=9", "mount|--options=rw,level=9|--|s|m")]
    [TestCase("/sbin/mount.zstdfs", "s|m|-v|-n|-o|ro|-t|zstdfs", "mount|--options=ro|--|s|m")]
    [TestCase("mount.zstdfs", "s|m|-sn", "mount|--sloppy|--|s|m")]
    [TestCase("mount.zstdfs", "-s|m|-o|a", "mount|--sloppy|--options=a|--|m")]
    public void Words_BecomeACommand(string calledAs, string words, string expected) =>
        Assert.That(string.Join('|', MountHelperCall.Translate(calledAs, words.Split('|'))!), Is.EqualTo(expected));

    [TestCase("-f")]
    [TestCase("-sfnv")]
    public void Fake_IsNothingToDo(string option) =>
        Assert.That(MountHelperCall.Translate("mount.zstdfs", ["s", "m", option, "-o", "ro"]), Is.Null);
}
