using ZstdFs.Core.Inodes;

namespace ZstdFs.Core.Tests.Inodes;

/// <summary>What is on disk, beyond what every inode store promises.</summary>
internal sealed class InodeDatabaseTests() : InodeStoreFixture(InodeStore.RocksDb)
{
    [Test]
    public void Places_AreThereWhenOpenedAgain()
    {
        for (int i = 0; i < 100_000; i++)
            Store.Put((ulong)i, Place(1, "n" + i));
        Reopen(Guid.Empty);
        Assert.That(Found(99_999), Is.EqualTo((1ul, "n99999\0")));
        Assert.That(Log, Is.Empty);
    }

    [Test]
    public void DatabaseOfAnotherSource_IsMadeAnew()
    {
        Store.Put(5, Place(1, "n"));
        Reopen(Guid.NewGuid());
        Assert.That(Store.TryFind(5, out _), Is.False);
        Assert.That(Log, Has.One.Contains("another source"));
    }

    [TestCase("CURRENT"), TestCase("MANIFEST-*"), TestCase("*.sst")]
    public void DamagedDatabase_IsMadeAnew_AndSaysSo(string files)
    {
        for (int i = 0; i < 10_000; i++)
            Store.Put((ulong)i, Place(1, "n" + i));
        Store.Dispose();
        string[] damaged = Directory.GetFiles(Folder, files);
        Assert.That(damaged, Is.Not.Empty);
        foreach (string file in damaged)
        {
            byte[] content = File.ReadAllBytes(file);
            for (int i = 0; i < content.Length; i++)
                content[i] ^= 0x5A;
            File.WriteAllBytes(file, content);
        }
        Reopen(Guid.Empty);
        Assert.That(Store.TryFind(5, out _), Is.False);
        Assert.That(Log, Has.One.Contains("made anew"));
        Store.Put(5, Place(9, "after"));
        Assert.That(Found(5), Is.EqualTo((9ul, "after\0")));
    }

    [Test]
    public void DatabaseInUse_IsRefused()
    {
        Assert.That(() => OpenDatabase(Guid.Empty), Throws.InstanceOf<InodeStoreException>().With.Property(nameof(InodeStoreException.IsInUse)).True);
    }
}
