using ZstdFs.Core.Inodes;

namespace ZstdFs.Core.Tests.Inodes;

/// <summary>What the table tells the inode store.</summary>
internal sealed class NodeTableTests
{
    private readonly RecentInodes _store = new(10);

    [Test]
    public void ForgottenNode_LeavesItsPlaceInTheStore_AndItsFoldersTheirs()
    {
        var table = new NodeTable(_store, () => { });
        Node folder = table.Acquire(20, NodeKind.Directory, table.Root, "folder"u8, onlyName: true);
        Node file = table.Acquire(21, NodeKind.Stored, folder, "old"u8, onlyName: true);
        table.AddLink(file, folder, "new"u8, only: true);
        Assert.That(table.Forget(20, 1), Is.Null, "its file needs it");
        Assert.That(_store.TryFind(21, out _), Is.False, "the kernel knows it");
        Assert.That(table.Forget(21, 1), Is.SameAs(file));
        Assert.Multiple(() =>
        {
            Assert.That(
                _store.TryFind(21, out InodePlace place) && place is { Parent: 20 }
                    && place.Name.AsSpan().SequenceEqual("new\0"u8),
                Is.True);
            Assert.That(
                _store.TryFind(20, out InodePlace above) && above is { Parent: NodeTable.RootId }
                    && above.Name.AsSpan().SequenceEqual("folder\0"u8),
                Is.True);
            Assert.That(table.Count, Is.EqualTo(1));
        });
    }

    [Test]
    public void ManyNodesForgotten_AreAnnounced_FewAreNot()
    {
        int shrunk = 0;
        var table = new NodeTable(_store, () => shrunk++);
        foreach (uint nodes in (uint[])[1_000, 40_000])
        {
            for (uint i = 0; i < nodes; i++)
                table.Acquire(100 + i, NodeKind.Stored, table.Root, "file"u8, onlyName: true);
            for (uint i = 0; i < nodes; i++)
                table.Forget(100 + i, 1);
            Assert.That(shrunk, Is.EqualTo(nodes > 1_000 ? 1 : 0));
        }
    }

    [Test]
    public void NameThatWasTakenSinceItWasLookedUp_IsNotTheFiles()
    {
        var table = new NodeTable(_store, () => { });
        long looked = table.TakenNames;
        Assert.That(table.TryAcquire(30, NodeKind.Stored, table.Root, "old"u8, onlyName: true, looked, out Node file),
            Is.True);
        table.NoteTakenName();
        table.AddLink(file, table.Root, "new"u8, only: true);
        Assert.That(table.TryAcquire(30, NodeKind.Stored, table.Root, "old"u8, onlyName: true, looked, out Node same),
            Is.False);
        Assert.That(same, Is.SameAs(file), "a reference, which is given back");
        Assert.That(table.Forget(30, 1), Is.Null);
        Assert.That(file.IsOnlyLink(table.Root, "new"u8), Is.True);
        Assert.That(table.TryAcquire(30, NodeKind.Stored, table.Root, "new"u8, onlyName: true, looked, out _), Is.True,
            "it is known");
    }

    /// <summary>
    /// A conversion changes the kind under the node's gate; a lookup from before it must not change it back.
    /// </summary>
    [Test]
    public void NodeThatWasConvertedSinceItWasLookedUp_StaysConverted()
    {
        const ulong Allocated = (1UL << 52) + 7;
        var table = new NodeTable(_store, () => { });
        Node file = table.Acquire(Allocated, NodeKind.Plain, table.Root, "file"u8, onlyName: true);
        file.Kind = NodeKind.Stored;
        Assert.That(
            table.TryAcquire(Allocated, NodeKind.Plain, table.Root, "file"u8, onlyName: true, table.TakenNames,
                out Node same),
            Is.False);
        Assert.That(same, Is.SameAs(file));
        Assert.That(file.Kind, Is.EqualTo(NodeKind.Stored));
    }

    [Test]
    public void NameThatWasSeenLast_ComesFirst_AndAnOnlyOneIsAlone()
    {
        var table = new NodeTable(_store, () => { });
        Node folder = table.Acquire(20, NodeKind.Directory, table.Root, "folder"u8, onlyName: true);
        Node file = table.Acquire(21, NodeKind.Stored, folder, "one"u8, onlyName: false);
        foreach (string name in (string[])["two", "three", "one"])
        {
            byte[] bytes = System.Text.Encoding.ASCII.GetBytes(name);
            Assert.That(table.TryAcquire(21, NodeKind.Stored, folder, bytes, onlyName: false, table.TakenNames, out _),
                Is.True);
            Assert.That(file.AnyLink!.Is(folder, bytes), name);
        }
        Assert.That((file.KnownLinks, folder.Children), Is.EqualTo((3, 3)));
        Assert.That(file.TryPreferNext(file.AnyLink!) && !file.AnyLink!.Is(folder, "one"u8));
        Assert.That(table.TryAcquire(21, NodeKind.Stored, folder, "two"u8, onlyName: true, table.TakenNames, out _),
            Is.True);
        Assert.That((file.KnownLinks, folder.Children), Is.EqualTo((1, 1)));
        Assert.That(file.IsOnlyLink(folder, "two"u8) && !file.TryPreferNext(file.AnyLink!));
    }

    /// <summary>Another program removed the file, and the source gave its number to a folder.</summary>
    [Test]
    public void ReplacedNode_LetsItsFolderGo_WhenNothingUsesItAnyMore([Values] bool isPinned)
    {
        var table = new NodeTable(_store, () => { });
        Node folder = table.Acquire(20, NodeKind.Directory, table.Root, "folder"u8, onlyName: true);
        Node file = table.Acquire(21, NodeKind.Stored, folder, "file"u8, onlyName: true);
        if (isPinned)
            table.Pin(file);
        Node other = table.Acquire(21, NodeKind.Directory, table.Root, "other"u8, onlyName: true);
        Assert.That(other, Is.Not.SameAs(file));
        Assert.That(folder.Children, Is.EqualTo(isPinned ? 1 : 0));
        Assert.That(file.HasName, Is.EqualTo(isPinned), "what is written to an open file has a place to go to");
        if (isPinned)
            Assert.That(table.Unpin(file), Is.Null, "the number is another node's");
        Assert.That(folder.Children, Is.Zero);
        Assert.That(table.Forget(20, 1), Is.SameAs(folder));
        Assert.That(table.Find(21), Is.SameAs(other));
        Assert.That(table.Forget(21, 1), Is.Null, "the kernel's reference to the file is one to the number");
        Assert.That(table.Forget(21, 1), Is.SameAs(other));
        Assert.That(_store.TryFind(21, out InodePlace place) && place is { Parent: NodeTable.RootId }, Is.True);
        Assert.That(table.Count, Is.EqualTo(1));
    }

    [Test]
    public void FoldersWithoutEnd_AreForgottenWithTheLastFileBelow_OnASmallStack()
    {
        const int Levels = 100_000;
        int left = 0;
        var thread = new Thread(() =>
        {
            var table = new NodeTable(_store, () => { });
            Node node = table.Root;
            for (ulong i = 0; i < Levels; i++)
                node = table.Acquire(100 + i, NodeKind.Directory, node, "d"u8, onlyName: true);
            table.Pin(node);
            for (ulong i = 0; i < Levels; i++)
                table.Forget(100 + i, 1);
            table.Unpin(node);
            left = table.Count;
        }, 256 * 1024);
        thread.Start();
        thread.Join();
        Assert.That(left, Is.EqualTo(1));
    }

    [Test]
    public void FileOfTwoFolders_LetsBothGo()
    {
        var table = new NodeTable(_store, () => { });
        Node file = null!;
        for (ulong i = 0; i < 3; i++)
        {
            Node above = table.Acquire(20 + i, NodeKind.Directory, table.Root, "above"u8, onlyName: true);
            Node folder = table.Acquire(30 + i, NodeKind.Directory, above, "folder"u8, onlyName: true);
            file = table.Acquire(40, NodeKind.Stored, folder, "file"u8, onlyName: false);
            table.Forget(30 + i, 1);
            table.Forget(20 + i, 1);
        }
        Assert.That(table.Count, Is.EqualTo(8));
        Assert.That(table.Forget(40, 3), Is.SameAs(file));
        Assert.That(table.Count, Is.EqualTo(1));
    }

    [Test]
    public void DeletedNode_LeavesTheStore()
    {
        var table = new NodeTable(_store, () => { });
        Node file = table.Acquire(30, NodeKind.Stored, table.Root, "file"u8, onlyName: true);
        table.Forget(30, 1);
        Assert.That(_store.TryFind(30, out _), Is.True);
        file = table.Acquire(30, NodeKind.Stored, table.Root, "file"u8, onlyName: true);
        table.RemoveLink(file, table.Root, "file"u8);
        table.Forget(30, 1);
        Assert.That(_store.TryFind(30, out _), Is.False);
    }
}
