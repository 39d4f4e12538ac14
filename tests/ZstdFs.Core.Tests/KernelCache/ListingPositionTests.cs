using System.Buffers.Binary;
using System.Text;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.Mounting;
using ZstdFs.Core.Source;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.KernelCache;

/// <summary>
/// READDIR and READDIRPLUS in small replies, each of which goes on at the position where the one before ended.
/// </summary>
internal sealed class ListingPositionTests : IEventLog
{
    private const ulong Root = 1;
    private const int Files = 600, ReplyBytes = 2048;

    // struct fuse_dirent: inode number, offset, length of the name, type; then the name. With attributes struct
    // fuse_entry_out comes first.
    private const int AttributesBytes = 128, OffsetAt = 8, NameLengthAt = 16, NameAt = 24;

    private static readonly byte[] EmptyFrame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];

    private readonly string _folder = Directory.CreateTempSubdirectory("zstdfs-test-").FullName;
    private ZstdFileSystem _fileSystem = null!;

    [OneTimeSetUp]
    public void Open()
    {
        for (int i = 0; i < Files; i++)
            File.WriteAllBytes(PathOf(i), EmptyFrame);
        Assert.That(
            SystemCallsAt.Open(new NativeName(Encoding.UTF8.GetBytes(_folder + "\0")),
                OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor root),
            Is.GreaterThanOrEqualTo(0));
        _fileSystem = ServedSource.Open(root, new FileSystemOptions(), this).FileSystem;
    }

    [OneTimeTearDown]
    public void Close()
    {
        Assert.That(_fileSystem.Drain(), Is.Zero);
        _fileSystem.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(int number) => Path.Combine(_folder, $"name {number}.zst");

    [Test]
    public void EachName_IsGivenOnce([Values] bool withAttributes, [Values] bool openedAnew)
    {
        var names = new List<string>();
        ulong handle = OpenRoot(), position = 0;
        for (int reply = 0; Read(handle, withAttributes, names, ref position); reply++)
        {
            // Other files of the same names, as commits and atomic saves make them.
            for (int i = 0; i < 10; i++)
                Replace((reply * 37 + i) % Files);
            if (!openedAnew)
                continue;
            _fileSystem.ReleaseDirectory(default, Root, handle);
            handle = OpenRoot();
        }
        _fileSystem.ReleaseDirectory(default, Root, handle);
        Assert.That(names,
            Is.EquivalentTo(Enumerable.Range(0, Files).Select(i => $"name {i}").Append(".").Append("..")));
    }

    /// <summary>All of a listing again from each position in it.</summary>
    [Test]
    public void Position_LeadsToWhatFollowedThere([Values] bool openedAnew)
    {
        ulong handle = OpenRoot(), position = 0;
        var names = new List<string>();
        var places = new List<(ulong Position, int Count)>();
        while (Read(handle, false, names, ref position))
            places.Add((position, names.Count));
        for (int i = places.Count - 1; i >= 0; i--)
        {
            Replace(i);
            ulong other = openedAnew ? OpenRoot() : handle;
            var rest = new List<string>();
            for (position = places[i].Position; Read(other, false, rest, ref position);)
            {
            }
            Assert.That(rest, Is.EqualTo(names[places[i].Count..]));
            if (openedAnew)
                _fileSystem.ReleaseDirectory(default, Root, other);
        }
        _fileSystem.ReleaseDirectory(default, Root, handle);
    }

    [Test]
    public void RemovedNames_AreLeftOut_AndALateOneIsFoundByTheNextListing()
    {
        ulong handle = OpenRoot(), position = 0;
        var names = new List<string>();
        Assert.That(Read(handle, false, names, ref position));
        string gone = Enumerable.Range(0, Files).Select(i => $"name {i}").First(name => !names.Contains(name));
        File.Move(Path.Combine(_folder, gone + ".zst"), Path.Combine(_folder, "late.zst"));
        while (Read(handle, false, names, ref position))
        {
        }
        Assert.That(names, Does.Not.Contain(gone));
        position = 0;
        names.Clear();
        while (Read(handle, false, names, ref position))
        {
        }
        Assert.That(names, Does.Not.Contain(gone).And.Contain("late").And.Exactly(Files + 2).Items);
        File.Move(Path.Combine(_folder, "late.zst"), Path.Combine(_folder, gone + ".zst"));
        _fileSystem.ReleaseDirectory(default, Root, handle);
    }

    /// <summary>
    /// Those that lose their names read the folder again; those that are left serve an open that goes on there, until a
    /// listing begins.
    /// </summary>
    [Test]
    public void NamesOfManyListings_TakeNoMoreThanTheBound()
    {
        var memory = new ListingMemory(boundBytes: 300_000);
        var order = new ListingOrder(Guid.Empty);
        var folder = new Node(2, NodeKind.Directory);
        Listing[] listings = [.. Enumerable.Range(0, 10)
            .Select(_ => new Listing(new FileDescriptor(-1), folder, false, order, default))];
        foreach (Listing listing in listings)
        {
            memory.NoteBegun(listing);
            ListedNames names = memory.Renew(listing, 0);
            for (int i = 0; i < 2_000; i++)
                ((IEntrySink)listing)
                    .Add(listing.Descriptor, Encoding.ASCII.GetBytes($"a name of some length {i}\0"), 4);
            names.Complete();
            memory.NoteRead(listing);
        }
        Assert.That(listings.Where(listing => listing.Names is not null).Sum(listing => listing.Names!.Bytes),
            Is.InRange(100_000, 300_000));
        Assert.That(listings[^1].Names, Is.Not.Null);
        Listing last = listings[^1], next = new(new FileDescriptor(-1), folder, false, order, default);
        ListedNames left = last.Names!;
        memory.NoteClosed(last);
        Assert.That(memory.TryTakeLeft(next, left.PositionOf(1_000)) && next.Names == left);
        memory.NoteClosed(next);
        memory.NoteBegun(listings[0]);
        Assert.That(memory.TryTakeLeft(next, left.PositionOf(1_000)), Is.False,
            "from before a listing that has begun since");
    }

    /// <summary>
    /// A folder of which a part could not be read: a program that opens it anew and goes on gets the error at the end.
    /// </summary>
    [TestCase(0)]
    [TestCase(-(int)Errno.EIO)]
    public void NamesOfAFolderThatWasNotReadWhole_AreNotLeftForTheNextOpen(int error)
    {
        var memory = new ListingMemory();
        var order = new ListingOrder(Guid.Empty);
        var folder = new Node(2, NodeKind.Directory);
        Listing broken = new(new FileDescriptor(-1), folder, false, order, default),
            next = new(new FileDescriptor(-1), folder, false, order, default);
        memory.NoteBegun(broken);
        ListedNames names = memory.Renew(broken, 0);
        for (int i = 0; i < 2_000; i++)
            ((IEntrySink)broken).Add(broken.Descriptor, Encoding.ASCII.GetBytes($"a name of some length {i}\0"), 4);
        names.Complete();
        memory.NoteRead(broken);
        broken.Error = error;
        memory.NoteClosed(broken);
        // An earlier reading of its own failed: what it takes over was read whole.
        next.Error = -(int)Errno.EIO;
        Assert.That(memory.TryTakeLeft(next, names.PositionOf(1_000)), Is.EqualTo(error == 0));
        Assert.That(next.Error, Is.EqualTo(error));
    }

    private void Replace(int number)
    {
        string other = Path.Combine(_folder, "other.zst");
        File.WriteAllBytes(other, EmptyFrame);
        File.Move(other, PathOf(number), overwrite: true);
    }

    private ulong OpenRoot()
    {
        Assert.That(_fileSystem.OpenDirectory(default, Root, 0, out FuseOpenOut open), Is.Zero);
        return open.Handle;
    }

    /// <summary>The next reply; false at the end.</summary>
    private bool Read(ulong handle, bool withAttributes, List<string> names, ref ulong position)
    {
        byte[] reply = new byte[ReplyBytes];
        var writer = new DirectoryWriter(reply, withAttributes);
        Assert.That(_fileSystem.ReadDirectory(default, Root, handle, position, ref writer), Is.Zero);
        for (ReadOnlySpan<byte> rest = reply.AsSpan(0, writer.BytesWritten); !rest.IsEmpty;)
        {
            if (withAttributes)
                rest = rest[AttributesBytes..];
            int length = BinaryPrimitives.ReadInt32LittleEndian(rest[NameLengthAt..]);
            position = BinaryPrimitives.ReadUInt64LittleEndian(rest[OffsetAt..]);
            names.Add(Encoding.ASCII.GetString(rest.Slice(NameAt, length)));
            rest = rest[((NameAt + length + 7) & ~7)..];
        }
        return writer.BytesWritten > 0;
    }

    public void Information(string message) { }

    public void Warning(string message) { }

    public void Error(string message) { }
}
