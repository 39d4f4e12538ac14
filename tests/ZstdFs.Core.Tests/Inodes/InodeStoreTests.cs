using System.Text;
using ZstdFs.Core.Inodes;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Inodes;

/// <summary>What both inode stores promise.</summary>
[TestFixture(InodeStore.Recent)]
[TestFixture(InodeStore.RocksDb)]
internal sealed class InodeStoreTests(InodeStore kind) : IEventLog
{
    private readonly List<string> _log = [];
    private string _folder = null!;
    private IInodeStore _store = null!;

    [SetUp]
    public void Open()
    {
        _folder = Directory.CreateTempSubdirectory("zstdfs-test-").FullName;
        _log.Clear();
        _store = kind == InodeStore.Recent ? new RecentInodes(1000) : OpenDatabase(Guid.Empty);
    }

    [TearDown]
    public void Close()
    {
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void UnknownNumber_IsNotFound() => Assert.That(_store.TryFind(5, out _), Is.False);

    [Test]
    public void PlacePutLast_IsFound_UntilItIsRemoved()
    {
        _store.Put(5, Place(1, "old"));
        _store.Put(5, Place(ulong.MaxValue, "new"));
        Assert.That(Found(5), Is.EqualTo((ulong.MaxValue, "new\0")));
        _store.Remove(5);
        _store.Remove(6);
        Assert.That(_store.TryFind(5, out _), Is.False);
        _store.Put(5, Place(2, "again"));
        Assert.That(Found(5), Is.EqualTo((2ul, "again\0")));
    }

    [Test]
    public void NameOfAnyBytes_ComesBackAsItWas()
    {
        byte[] name = [.. Enumerable.Range(1, 255).Select(i => (byte)i), 0];
        _store.Put(7, new InodePlace(1, name));
        Assert.That(_store.TryFind(7, out InodePlace place), Is.True);
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
                _store.Remove(id);
                expected.Remove(id);
            }
            else
            {
                _store.Put(id, Place((ulong)i, "n" + i));
                expected[id] = ((ulong)i, $"n{i}\0");
            }
            if (random.Next(100) == 0)
                Assert.That(_store.TryFind(id, out _), Is.EqualTo(expected.ContainsKey(id)));
        }
        for (ulong id = 0; id < 900; id++)
            Assert.That(_store.TryFind(id, out _) ? Found(id) : default, Is.EqualTo(expected.GetValueOrDefault(id)), $"number {id}");
    }

    [Test]
    public void PlacesFromManyThreads_AreAllFound()
    {
        Parallel.For(0, 900, i => _store.Put((ulong)i, Place(1, $"n{i}")));
        Assert.That(Enumerable.Range(0, 900).All(i => Found((ulong)i).Name == $"n{i}\0"), Is.True);
    }

    [Test]
    public void MorePlacesThanThereIsRoom_LeaveTheNewestAndTheUsed()
    {
        for (int i = 0; i < 1000; i++)
            _store.Put((ulong)i, Place(1, "n"));
        _store.TryFind(3, out _);
        _store.Put(1000, Place(1, "n"));
        _store.Put(1001, Place(1, "n"));
        Assert.That(_store.TryFind(0, out _), Is.EqualTo(_store.KeepsAll));
        Assert.That(_store.TryFind(1, out _), Is.EqualTo(_store.KeepsAll));
        Assert.That(new ulong[] { 2, 3, 1000, 1001 }.All(id => _store.TryFind(id, out _)), Is.True);
    }

    [Test]
    public void StoreThatKeepsAll_StillHasThemWhenOpenedAgain()
    {
        if (!_store.KeepsAll)
            Assert.Pass("a store in memory ends with its mount");
        for (int i = 0; i < 100_000; i++)
            _store.Put((ulong)i, Place(1, "n" + i));
        Reopen(Guid.Empty);
        Assert.That(Found(99_999), Is.EqualTo((1ul, "n99999\0")));
        Assert.That(_log, Is.Empty);
    }

    [Test]
    public void DatabaseOfAnotherSource_IsMadeAnew()
    {
        if (!_store.KeepsAll)
            Assert.Pass("a store in memory has one source");
        _store.Put(5, Place(1, "n"));
        Reopen(Guid.NewGuid());
        Assert.That(_store.TryFind(5, out _), Is.False);
        Assert.That(_log, Has.One.Contains("another source"));
    }

    [TestCase("CURRENT"), TestCase("MANIFEST-*"), TestCase("*.sst")]
    public void DamagedDatabase_IsMadeAnew_AndSaysSo(string files)
    {
        if (!_store.KeepsAll)
            Assert.Pass("nothing on disk");
        for (int i = 0; i < 10_000; i++)
            _store.Put((ulong)i, Place(1, "n" + i));
        _store.Dispose();
        string[] damaged = Directory.GetFiles(_folder, files);
        Assert.That(damaged, Is.Not.Empty);
        foreach (string file in damaged)
        {
            byte[] content = File.ReadAllBytes(file);
            for (int i = 0; i < content.Length; i++)
                content[i] ^= 0x5A;
            File.WriteAllBytes(file, content);
        }
        _store = OpenDatabase(Guid.Empty);
        Assert.That(_store.TryFind(5, out _), Is.False);
        Assert.That(_log, Has.One.Contains("made anew"));
        _store.Put(5, Place(9, "after"));
        Assert.That(Found(5), Is.EqualTo((9ul, "after\0")));
    }

    [Test]
    public void DatabaseInUse_IsRefused()
    {
        if (!_store.KeepsAll)
            Assert.Pass("nothing on disk");
        Assert.That(() => OpenDatabase(Guid.Empty), Throws.InstanceOf<InodeStoreException>().With.Property(nameof(InodeStoreException.IsInUse)).True);
    }

    private void Reopen(Guid source)
    {
        _store.Dispose();
        _store = OpenDatabase(source);
    }

    private InodeDatabase OpenDatabase(Guid source)
    {
        Assert.That(SystemCallsAt.Open(new NativeName(Encoding.UTF8.GetBytes(_folder + "\0")), OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor folder), Is.GreaterThanOrEqualTo(0));
        return InodeDatabase.Open(folder, source, this);
    }

    private (ulong Parent, string Name) Found(ulong id)
    {
        Assert.That(_store.TryFind(id, out InodePlace place), Is.True, $"number {id}");
        return (place.Parent, Encoding.UTF8.GetString(place.Name));
    }

    private static InodePlace Place(ulong parent, string name) => new(parent, Encoding.UTF8.GetBytes(name + "\0"));

    public void Information(string message) => _log.Add(message);

    public void Warning(string message) => _log.Add(message);

    public void Error(string message) => _log.Add(message);
}
