using ZstdFs.Core.Inodes;

namespace ZstdFs.Core.Tests.Inodes;

/// <summary>What both inode stores promise.</summary>
[TestFixture(InodeStore.Recent)]
[TestFixture(InodeStore.RocksDb)]
internal sealed class InodeStoreTests(InodeStore kind) : InodeStoreFixture(kind)
{
    [Test]
    public void UnknownNumber_IsNotFound() => Assert.That(Store.TryFind(5, out _), Is.False);

    [Test]
    public void PlacePutLast_IsFound_UntilItIsRemoved()
    {
        Store.Put(5, Place(1, "old"));
        Store.Put(5, Place(ulong.MaxValue, "new"));
        Assert.That(Found(5), Is.EqualTo((ulong.MaxValue, "new\0")));
        Store.Remove(5);
        Store.Remove(6);
        Assert.That(Store.TryFind(5, out _), Is.False);
        Store.Put(5, Place(2, "again"));
        Assert.That(Found(5), Is.EqualTo((2ul, "again\0")));
    }

    [Test]
    public void NameOfAnyBytes_ComesBackAsItWas()
    {
        byte[] name = [.. Enumerable.Range(1, 255).Select(i => (byte)i), 0];
        Store.Put(7, new InodePlace(1, name));
        Assert.That(Store.TryFind(7, out InodePlace place), Is.True);
        Assert.That(place.Name, Is.EqualTo(name));
    }

    [Test]
    public void ManyPlaces_AgreeWithADictionary()
    {
        var random = new Random(5);
        var expected = new Dictionary<ulong, (ulong, string)>();
        for (int i = 0; i < 50_000; i++)
        {
            ulong id = (ulong)random.Next(900);
            if (random.Next(4) == 0)
            {
                Store.Remove(id);
                expected.Remove(id);
            }
            else
            {
                Store.Put(id, Place((ulong)i, "n" + i));
                expected[id] = ((ulong)i, $"n{i}\0");
            }
            if (random.Next(100) == 0)
                Assert.That(Store.TryFind(id, out _), Is.EqualTo(expected.ContainsKey(id)));
        }
        for (ulong id = 0; id < 900; id++)
            Assert.That(Store.TryFind(id, out _) ? Found(id) : default, Is.EqualTo(expected.GetValueOrDefault(id)), $"number {id}");
    }

    [Test]
    public void PlacesFromManyThreads_AreAllFound()
    {
        Parallel.For(0, 900, i => Store.Put((ulong)i, Place(1, $"n{i}")));
        Assert.That(Enumerable.Range(0, 900).All(i => Found((ulong)i).Name == $"n{i}\0"), Is.True);
    }

    [Test]
    public void MorePlacesThanThereIsRoom_LeaveTheNewestAndTheUsed()
    {
        for (int i = 0; i < 1000; i++)
            Store.Put((ulong)i, Place(1, "n"));
        Store.TryFind(3, out _);
        Store.Put(1000, Place(1, "n"));
        Store.Put(1001, Place(1, "n"));
        Assert.That(Store.TryFind(0, out _), Is.EqualTo(Store.KeepsAll));
        Assert.That(Store.TryFind(1, out _), Is.EqualTo(Store.KeepsAll));
        Assert.That(new ulong[] { 2, 3, 1000, 1001 }.All(id => Store.TryFind(id, out _)), Is.True);
    }
}
