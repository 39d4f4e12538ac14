using ZstdFs.Core.Inodes.Native;

namespace ZstdFs.Core.Tests.Inodes;

[TestFixture]
internal sealed class RocksLibraryTests
{
    [Test]
    public void FileNames_BeginWithTheOneOfTheFormat_AndAreOfThatOrNewerVersions()
    {
        Version[] versions =
            [.. RocksLibrary.FileNames().Select(name => Version.Parse(name["librocksdb.so.".Length..]))];
        Assert.That(versions[0], Is.EqualTo(new Version(7, 8)));
        Assert.That(versions, Is.Ordered.And.Unique);
        // Ubuntu 24.04, Debian 13, the newest.
        Assert.That(versions, Is.SupersetOf(new[] { new Version(8, 9), new Version(9, 10), new Version(11, 12) }));
    }

    [Test]
    public void OtherLibraries_AreLeftToTheRuntime() =>
        Assert.That(RocksLibrary.Resolve("libc", typeof(RocksLibrary).Assembly, null), Is.EqualTo((nint)0));
}
