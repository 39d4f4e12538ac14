using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Tests;

[TestFixture]
internal sealed class MountTableTests
{
    [Test]
    public void Lines_AreReadWithEscapesAndOptionalFields()
    {
        byte[] table = Encoding.Latin1.GetBytes(
            "36 35 98:0 / /a\\040b\\134 rw,noatime shared:1 master:2 - ext3 /dev/root rw\nnonsense\n"
            + "40 36 0:51 / /m\xff rw - fuse.zstdfs s rw,user_id=7,group_id=8\n");
        IReadOnlyList<MountEntry> mounts = MountTable.Parse(table);
        Assert.That(mounts, Has.Count.EqualTo(2));
        Assert.That(mounts[0].MountPoint.ToArray(), Is.EqualTo("/a b\\"u8.ToArray()));
        Assert.That(mounts[1].MountPoint.ToArray(), Is.EqualTo(new byte[] { (byte)'/', (byte)'m', 0xff }));
        Assert.That((mounts[1].Device, mounts[1].FileSystemType, mounts[1].UserId, mounts[0].UserId),
            Is.EqualTo(("0:51", "fuse.zstdfs", (uint?)7, (uint?)null)));
    }

    [Test]
    public void OwnTable_HasTheRoot() => Assert.That(MountTable.Find("/"u8), Is.Not.Null);
}
