using System.Buffers.Binary;
using System.Text;
using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A file whose stored bytes the disk refuses to give: it keeps its place in the folder, and only its content is an
/// error.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class UnreadableFileTests : IDisposable
{
    private const ulong Root = 1;
    private const int InputError = -(int)Errno.EIO;

    private readonly FailingSource _source;
    private readonly ZstdFileSystem _fileSystem;

    public UnreadableFileTests()
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("loop devices and mounts need root");
        _source = new FailingSource();
        // Stored by another program, so that only the frame tells the length, and only by being decoded.
        Ext4.Run("sh", "-c",
            $"cd '{_source.Source}' && seq 300000 | zstd -q > f.zst && echo good | zstd -q > good.zst");
        _source.RemountDisk();
        _fileSystem = SourceFolders.Open(_source.Source, _source.Log);
        _source.Disk.RefusesReads = true;
    }

    private DirectUse Use => new(_fileSystem);

    public void Dispose()
    {
        _source.Disk.RefusesReads = false;
        _ = _fileSystem.Drain();
        _fileSystem.Dispose();
        if (TestContext.CurrentContext.Result.Outcome.Status == NUnit.Framework.Interfaces.TestStatus.Failed)
            TestContext.Out.WriteLine(_source.Log);
        _source.Dispose();
    }

    [Test]
    public void Listing_ShowsItBesideTheOthers([Values] bool plus)
    {
        Assert.That(Names(plus), Is.EquivalentTo(["f", "good"]));
        Assert.That(_source.Disk.Refusals, Is.Positive, "the disk refused nothing: it proved nothing");
        Assert.That(_source.Log.ToString(), Does.Contain("/f.zst: reading a stored file: EIO"));
    }

    [Test]
    public void EverythingButItsContent_WorksAsWithAnyOther()
    {
        ulong node = Lookup("f");
        var change = new FuseSetattrIn { Valid = SetattrValid.Mode, Mode = 0b110_000_000 };
        Assert.That(_fileSystem.SetAttributes(default, node, change, out FuseAttrOut changed), Is.Zero);
        Assert.That(changed.Attr.Mode & 0xFFF, Is.EqualTo(0b110_000_000));
        Assert.That(_fileSystem.SetExtendedAttribute(default, node, Native("user.note"), "x"u8, 0, false), Is.Zero);
        Assert.That(_fileSystem.Link(default, node, Root, Native("h"), out FuseEntryOut linked), Is.Zero);
        Assert.That((linked.NodeId, linked.Attr.Nlink), Is.EqualTo((node, 2u)));
        Assert.That(_fileSystem.Rename(default, Root, Native("f"), Root, Native("g"), 0), Is.Zero);
        Assert.That(_fileSystem.Rename(default, Root, Native("h"), Root, Native("good"), 0), Is.Zero);
        Assert.That(Names(plus: true), Is.EquivalentTo(["g", "good"]));
        Assert.That(_fileSystem.Unlink(default, Root, Native("good")), Is.Zero);
        Assert.That(Use.Read("g", new byte[100]), Is.EqualTo(InputError));
        Assert.That(_source.Log.ToString(), Does.Contain("g: reading a stored file: EIO"));
        _source.Disk.RefusesReads = false;
        Assert.That(Encoding.ASCII.GetString(Use.ReadAll("g", 1_988_895)),
            Does.StartWith("1\n2\n3\n").And.EndsWith("299999\n300000\n"), "the disk gives it again");
    }

    [Test]
    public void EmptiedAndWritten_HasTheNewContent()
    {
        DirectUse.Handle file = Use.Open("f", OpenFlags.WriteOnly | OpenFlags.Truncate);
        Assert.That(Use.Write(file, 0, "new content"u8), Is.Zero);
        Assert.That(Use.Close(file), Is.Zero);
        _source.Disk.RefusesReads = false;
        Assert.That(Use.ReadAll("f", 11), Is.EqualTo("new content"u8.ToArray()));
    }

    private ulong Lookup(string name)
    {
        Assert.That(_fileSystem.Lookup(default, Root, Native(name), out FuseEntryOut entry), Is.Zero);
        return entry.NodeId;
    }

    private List<string> Names(bool plus)
    {
        const int NodeBytes = 128, HeaderBytes = 24;
        Assert.That(_fileSystem.OpenDirectory(default, Root, 0, out FuseOpenOut open), Is.Zero);
        byte[] reply = new byte[64 * 1024];
        var writer = new DirectoryWriter(reply, plus);
        Assert.That(_fileSystem.ReadDirectory(default, Root, open.Handle, 0, ref writer), Is.Zero);
        _fileSystem.ReleaseDirectory(default, Root, open.Handle);
        var names = new List<string>();
        int length;
        for (int at = 0; at < writer.BytesWritten; at += (HeaderBytes + length + 7) / 8 * 8)
        {
            at += plus ? NodeBytes : 0;
            length = BinaryPrimitives.ReadInt32LittleEndian(reply.AsSpan(at + 16));
            names.Add(Encoding.UTF8.GetString(reply, at + HeaderBytes, length));
        }
        return [.. names.Where(static name => name is not ("." or ".."))];
    }

    private static NativeName Native(string name) => new(Ext4.Native(name));
}
