using System.Text;
using ZstdFs.Cli.Tools;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Tests;

/// <summary>The way from a folder up to the root.</summary>
[TestFixture]
internal sealed class NamedSourceTests
{
    [TestCase("/a/b", "/a/b /a /")]
    [TestCase("/a", "/a /")]
    [TestCase("/", "/")]
    public void FoldersAbove_EndAtTheRoot(string path, string expected)
    {
        var all = new List<string>();
        for (int length = path.Length; length > 0; length = NamedSource.Above(Encoding.ASCII.GetBytes(path), length))
            all.Add(path[..length]);
        Assert.That(string.Join(' ', all), Is.EqualTo(expected));
    }

    [Test]
    public void MountOnTheRoot_IsFoundFromBelow()
    {
        IReadOnlyList<MountEntry> mounts = MountTable.Parse("30 1 0:40 / / rw - fuse.zstdfs /source rw,user_id=0\n"u8);
        Assert.That(NamedSource.MountAbove(mounts, "/a/b"u8.ToArray())?.FileSystemType, Is.EqualTo("fuse.zstdfs"));
    }

    [Test]
    public void MountOfAnotherFileSystemBetween_IsNone()
    {
        IReadOnlyList<MountEntry> mounts = MountTable.Parse(
            "30 1 0:40 / / rw - fuse.zstdfs /source rw\n31 30 0:41 / /a rw - fuse.sshfs host rw\n"u8);
        Assert.That(NamedSource.MountAbove(mounts, "/a/b"u8.ToArray()), Is.Null);
    }
}
