using System.Text;
using ZstdFs.Core.Inodes;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Inodes;

/// <summary>A store in a folder of its own, and what it said.</summary>
internal abstract class InodeStoreFixture(InodeStore kind) : IEventLog
{
    private readonly List<string> _log = [];
    private IInodeStore _store = null!;

    private protected IReadOnlyList<string> Log => _log;

    private protected IInodeStore Store => _store;

    private protected string Folder { get; private set; } = null!;

    [SetUp]
    public void Open()
    {
        Folder = Directory.CreateTempSubdirectory("zstdfs-test-").FullName;
        _log.Clear();
        _store = kind == InodeStore.Recent ? new RecentInodes(1000) : OpenDatabase(Guid.Empty);
    }

    [TearDown]
    public void Close()
    {
        _store.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private protected void Reopen(Guid source)
    {
        _store.Dispose();
        _store = OpenDatabase(source);
    }

    private protected InodeDatabase OpenDatabase(Guid source)
    {
        Assert.That(SystemCallsAt.Open(new NativeName(Encoding.UTF8.GetBytes(Folder + "\0")), OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor folder), Is.GreaterThanOrEqualTo(0));
        return InodeDatabase.Open(folder, source, this);
    }

    private protected (ulong Parent, string Name) Found(ulong id)
    {
        Assert.That(_store.TryFind(id, out InodePlace place), Is.True, $"number {id}");
        return (place.Parent, Encoding.UTF8.GetString(place.Name));
    }

    private protected static InodePlace Place(ulong parent, string name) => new(parent, Encoding.UTF8.GetBytes(name + "\0"));

    public void Information(string message) => _log.Add(message);

    public void Warning(string message) => _log.Add(message);

    public void Error(string message) => _log.Add(message);
}
