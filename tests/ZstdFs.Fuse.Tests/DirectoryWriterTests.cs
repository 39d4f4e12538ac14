using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

internal sealed class DirectoryWriterTests
{
    [TestCase(false, 0, 24 + 8)]
    [TestCase(true, 128, 128 + 24 + 8)]
    public void Entry_IsPaddedToEightBytes_AndHasNoNode(bool plus, int direntAt, int expected)
    {
        byte[] buffer = new byte[400];
        Array.Fill(buffer, (byte)0xEE);
        var writer = new DirectoryWriter(buffer, plus);
        Assert.That(writer.TryAdd("abcde"u8, 42, FileType.EntryRegular, 3), Is.True);
        Assert.That(writer.BytesWritten, Is.EqualTo(expected));
        FuseDirent dirent = MemoryMarshal.Read<FuseDirent>(buffer.AsSpan(direntAt));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((dirent.Ino, dirent.Offset, dirent.NameLength, dirent.Type),
                Is.EqualTo((42ul, 3ul, 5u, (uint)FileType.EntryRegular)));
            Assert.That(buffer[(direntAt + 24)..(direntAt + 32)], Is.EqualTo("abcde\0\0\0"u8.ToArray()));
            Assert.That(buffer[..direntAt], Has.All.Zero, "no node, so no reference");
            Assert.That(buffer[expected], Is.EqualTo(0xEE));
        }
    }

    [Test]
    public void EntryWithANode_CarriesIt()
    {
        byte[] buffer = new byte[400];
        var writer = new DirectoryWriter(buffer, plus: true);
        Assert.That(
            writer.TryAddPlus("12345678"u8, new FuseEntryOut { NodeId = 7, Attr = new FuseAttr { Ino = 42 } },
                FileType.EntryRegular, 3),
            Is.True);
        FuseDirentPlus listed = MemoryMarshal.Read<FuseDirentPlus>(buffer);
        Assert.That((writer.BytesWritten, listed.Entry.NodeId, listed.Dirent.Ino), Is.EqualTo((160, 7ul, 42ul)));
    }

    [TestCase("."), TestCase("..")]
    public void Dots_CarryNoNode(string name)
    {
        byte[] buffer = new byte[400];
        var writer = new DirectoryWriter(buffer, plus: true);
        writer.TryAddPlus(System.Text.Encoding.ASCII.GetBytes(name),
            new FuseEntryOut { NodeId = 7, Attr = new FuseAttr { Ino = 42 } }, FileType.EntryDirectory, 1);
        FuseDirentPlus listed = MemoryMarshal.Read<FuseDirentPlus>(buffer);
        Assert.That((listed.Entry.NodeId, listed.Dirent.Ino), Is.EqualTo((0ul, 42ul)));
    }

    [TestCase(false, 31), TestCase(true, 159)]
    public void EntryThatDoesNotFit_IsNotBegun(bool plus, int room)
    {
        byte[] buffer = new byte[room];
        var writer = new DirectoryWriter(buffer, plus);
        Assert.That(writer.HasRoomFor(1), Is.False);
        Assert.That(writer.TryAdd("a"u8, 3, FileType.EntryRegular, 1), Is.False);
        Assert.That(plus && writer.TryAddPlus("a"u8, new FuseEntryOut { NodeId = 3 }, FileType.EntryRegular, 1),
            Is.False);
        Assert.That(writer.BytesWritten, Is.Zero);
        Assert.That(buffer, Has.All.Zero);
    }

    [Test]
    public void NodeInAPlainListing_IsRefused() => Assert.That(
        () => new DirectoryWriter(new byte[400], plus: false)
            .TryAddPlus("a"u8, new FuseEntryOut { NodeId = 3 }, FileType.EntryRegular, 1),
        Throws.InvalidOperationException);
}
