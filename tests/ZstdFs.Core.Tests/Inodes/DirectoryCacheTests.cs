using System.Diagnostics;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Inodes;

/// <summary>Folders that were closed are opened again, however many are above them.</summary>
internal sealed class DirectoryCacheTests
{
    private const int Levels = 3_000, SmallStack = 256 * 1024;

    [Test]
    public void FolderBelowThousandsThatAreClosed_IsOpened_OnASmallStack()
    {
        using var folder = new TestSource();
        using var source = new SourceTree(folder.Open(), readOnly: false);
        var table = new NodeTable(new RecentInodes(10), () => { });
        try
        {
            Node node = MakeChain(source, table);
            using var cache = new DirectoryCache(source, table.Root, capacity: 20);
            int result = -1;
            ulong found = 0;
            var thread = new Thread(() =>
            {
                result = cache.Rent(node, out DescriptorLease lease);
                using (lease)
                {
                    if (result >= 0 && SystemCallsAt.Stat(lease.Descriptor, out Statx stat) >= 0)
                        found = source.Numbers.Of(stat);
                }
            }, SmallStack);
            thread.Start();
            thread.Join();
            Assert.That((result, found), Is.EqualTo((0, node.Id)));
            Assert.That(
                NameInSource.PathOf(node.AnyLink!.Parent.AnyLink!.Parent, cache)!,
                Has.Length.EqualTo(2 * (Levels - 2) - 1));
        }
        finally
        {
            Process.Start("rm", ["-rf", folder.Path + "/d"]).WaitForExit();
        }
    }

    /// <summary>Another program moved a folder into one that was below it.</summary>
    [TestCase(1), TestCase(2), TestCase(3), TestCase(50)]
    public void WayUpThatLeadsInACircle_Ends(int length)
    {
        using var folder = new TestSource();
        using var source = new SourceTree(folder.Open(), readOnly: false);
        var table = new NodeTable(new RecentInodes(10), () => { });
        Node first = table.Acquire(100, NodeKind.Directory, table.Root, "d"u8, onlyName: true), last = first;
        for (int i = 1; i < length; i++)
            last = table.Acquire(100 + (ulong)i, NodeKind.Directory, last, "d"u8, onlyName: true);
        table.AddLink(first, last, "d"u8, only: true);
        Node below = table.Acquire(99, NodeKind.Directory, last, "e"u8, onlyName: true);
        using var cache = new DirectoryCache(source, table.Root, capacity: 20);
        Assert.That(cache.Rent(below, out _), Is.EqualTo(-(int)Errno.ESTALE));
        Assert.That(cache.Rent(first, out _), Is.EqualTo(-(int)Errno.ESTALE));
        Assert.That(NameInSource.PathOf(below, cache), Is.Null);
    }

    [Test]
    public void FolderBelowOneThatIsGone_IsNotFound()
    {
        using var folder = new TestSource();
        using var source = new SourceTree(folder.Open(), readOnly: false);
        var table = new NodeTable(new RecentInodes(10), () => { });
        Node gone = table.Acquire(100, NodeKind.Directory, table.Root, default, onlyName: true), below = gone;
        for (uint i = 0; i < 3; i++)
        {
            below = table.Acquire(101 + i, NodeKind.Directory, below, "d"u8, onlyName: true);
            using var cache = new DirectoryCache(source, table.Root, capacity: 20);
            Assert.That(cache.Rent(below, out _), Is.EqualTo(-(int)Errno.ENOENT));
            Assert.That(NameInSource.PathOf(below, cache), Is.Null);
        }
    }

    private static Node MakeChain(SourceTree source, NodeTable table)
    {
        Node node = table.Root;
        var name = new NativeName("d\0"u8);
        Assert.That(
            source.OpenListing(source.Root, new NativeName(".\0"u8), out FileDescriptor above),
            Is.GreaterThanOrEqualTo(0));
        for (int i = 0; i < Levels; i++)
        {
            using FileDescriptor parent = above;
            Assert.That(SystemCallsAt.MakeDirectory(parent, name, 0b111_000_000), Is.Zero);
            Assert.That(source.OpenListing(parent, name, out above), Is.GreaterThanOrEqualTo(0));
            Assert.That(SystemCallsAt.Stat(above, out Statx stat), Is.Zero);
            node = table.Acquire(source.Numbers.Of(stat), NodeKind.Directory, node, "d"u8, onlyName: true);
        }
        above.Dispose();
        return node;
    }
}
