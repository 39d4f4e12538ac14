using System.Text;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Commits;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Commits;

/// <summary>A source whose files are open as a mount has them, without a mount.</summary>
internal sealed class OpenSource : IDisposable, IEventLog
{
    internal const int FrameBytes = 64 * 1024;

    private readonly TestSource _folder = new();
    private readonly SourceTree _tree;
    private readonly StateFolder _state;
    private readonly FolderChanges _changes;
    private readonly DirectoryCache _directories;
    private readonly NodeTable _nodes = new(new RecentInodes(10), () => { });
    private readonly List<FileContent> _held = [];
    private readonly List<string> _log = [];

    internal OpenSource()
    {
        _tree = new SourceTree(_folder.Open(), readOnly: false);
        _state = StateFolder.TryOpen(_tree, out _)!;
        Log = new BoundedLog(this, TimeProvider.System);
        Services = new StorageServices(_tree, _state, new FileSystemOptions { Jobs = 1, FrameBytes = FrameBytes }, Log);
        _changes = new FolderChanges(_tree, _state.Folder, readOnly: false);
        _directories = new DirectoryCache(_tree, _nodes.Root, 16);
        Contents = new ContentTable(_nodes);
        Committer = new Committer(
            Services, _directories, new FolderGates(_changes), node => SettleNames?.Invoke(node) ?? 0);
    }

    internal StorageServices Services { get; }

    internal BoundedLog Log { get; }

    internal ContentTable Contents { get; }

    internal Committer Committer { get; }

    /// <summary>
    /// Called by each commit before it begins, with the content's lock held for committing. 0 or −errno.
    /// </summary>
    internal Func<Node, int>? SettleNames { get; set; }

    internal IReadOnlyList<string> Lines => _log;

    /// <summary>Makes a stored file with this content, and opens it.</summary>
    internal FileContent Open(string name, ReadOnlySpan<byte> bytes, ulong number = 0)
    {
        byte[] stored = Encoding.UTF8.GetBytes(name + ".zst\0");
        Assert.That(
            _tree.CreateFile(_tree.Root, new NativeName(stored), 0b110_000_000, out FileDescriptor file),
            Is.GreaterThanOrEqualTo(0));
        var writer = new StoredFileWriter(Services, file);
        for (int at = 0; at < bytes.Length; at += FrameBytes)
            Assert.That(writer.Append(bytes[at..Math.Min(bytes.Length, at + FrameBytes)]), Is.Zero);
        if (bytes.IsEmpty)
            Assert.That(writer.Append(default), Is.Zero);
        Assert.That(writer.Finish(out FrameMap map), Is.Zero);
        Assert.That(SystemCallsAt.Stat(file, out Statx stat), Is.Zero);
        ulong id = number == 0 ? _state.AllocateInodeNumber() : number;
        Node node = _nodes.Acquire(id, NodeKind.Stored, _nodes.Root, Encoding.UTF8.GetBytes(name), onlyName: true);
        var content = new FileContent(Services, node, new StoredBase(Services, file, stat, isFresh: false, map));
        _ = Contents.Close(Contents.Add(content, OpenAccess.Read));
        _ = _nodes.Forget(id, 1);
        _held.Add(content);
        return content;
    }

    public void Dispose()
    {
        foreach (FileContent content in _held)
            _ = Contents.Release(content);
        Services.Dispose();
        _directories.Dispose();
        _changes.Dispose();
        _state.Dispose();
        _tree.Dispose();
        _folder.Dispose();
    }

    public void Information(string message) => Add(message);

    public void Warning(string message) => Add(message);

    public void Error(string message) => Add(message);

    private void Add(string message)
    {
        lock (_log)
            _log.Add(message);
    }
}
