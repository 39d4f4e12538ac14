using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Counts what there is to do, so that a tool can tell how long it will take. The counts may be read while they grow.
/// </summary>
/// <param name="root">The source's root; stays the caller's.</param>
/// <param name="folder">Path of the folder below it.</param>
/// <param name="options">What is to be done.</param>
/// <param name="cancellation">Ends the counting.</param>
public sealed class TreeTotals(
    FileDescriptor root, byte[] folder, ConversionOptions options, CancellationToken cancellation)
{
    private long _files, _bytes;
    private volatile bool _isWhole;

    /// <summary>Files that will be looked at.</summary>
    public long Files => Volatile.Read(ref _files);

    /// <summary>Their bytes, as they lie in the source.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The counting is over.</summary>
    public bool IsWhole => _isWhole;

    /// <summary>The bytes are those of stored files.</summary>
    public bool CountsStored => options.Kind != ConversionKind.Convert;

    /// <summary>Counts.</summary>
    public void Count()
    {
        if (SystemCallsAt.Open(
            root, new NativeName(".\0"u8), OpenFlags.ReadOnly | OpenFlags.Directory, 0, out FileDescriptor own) < 0)
            return;
        using var source = new SourceTree(own, readOnly: true);
        if (JournalRecovery.OpenFolder(source, folder) is not { } start
            || SystemCallsAt.Stat(start, out Statx stat) < 0)
            return;
        var opened = new SourceFolder(start, folder, stat);
        _isWhole = new TreeWalk(source, new Visitor(this, options, cancellation), options.OneFileSystem).Run(opened);
        opened.Release();
    }

    private sealed class Visitor(TreeTotals totals, ConversionOptions options, CancellationToken cancellation)
        : ITreeVisitor
    {
        public bool Visit(in WalkedFile file)
        {
            bool isStored = StoredName.TryToLogical(file.Name.Bytes, out _);
            if (file.Stat.IsRegular && isStored == (options.Kind != ConversionKind.Convert))
            {
                Interlocked.Increment(ref totals._files);
                Interlocked.Add(ref totals._bytes, file.Stat.Size);
            }
            return !cancellation.IsCancellationRequested;
        }

        public bool Enters(SourceFolder parent, NativeName name, in Statx stat) => true;

        public void Unreadable(byte[] path, Errno error) { }
    }
}
