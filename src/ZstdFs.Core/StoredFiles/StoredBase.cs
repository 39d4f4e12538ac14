using ZstdFs.Core.Compression;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>
/// One committed version of a stored file, open. The file is never modified while a reader uses it through this object.
/// The frame index is built at first need.
/// </summary>
internal sealed class StoredBase : IDisposable
{
    private const int IndexBytes = 16 * 1024, FirstBytes = 192 * 1024;

    /// <summary>Decoding this much takes milliseconds.</summary>
    private const long MostProvenBytes = 16 * 1024 * 1024;
    private const int MostAskedHeaders = 1024;

    // Guards the building of the reader. It is held during the scan, so that two first readers scan once. It is this
    // file's own.
    private readonly Lock _gate = new();
    private readonly StorageServices _services;
    private readonly bool _isFresh;
    private readonly ulong _cacheId;
    private StoredFileReader? _reader;
    // What is known to be decodable, because a writer had to know. Guarded by the content's lock.
    private readonly HashSet<int> _provenFrames = [];
    private long _provenEnd;
    // The redo, where a rewrite in place left the stored file half done: it holds the whole version.
    private readonly FileDescriptor? _redo;
    // The length that the record said and users were shown; null where the frames were asked.
    private long? Noted { get; init; }

    /// <param name="services">Shared services.</param>
    /// <param name="file">The open stored file; owned from here on.</param>
    /// <param name="stat">Its attributes.</param>
    /// <param name="isFresh">Created, and no content committed yet: empty whatever is in it.</param>
    /// <param name="map">Its frames, where they are known because they were just written.</param>
    /// <param name="redo">Where the frames are, if they are not in the stored file yet; owned from here on.</param>
    internal StoredBase(StorageServices services, FileDescriptor file, in Statx stat, bool isFresh = false,
        FrameMap? map = null, FileDescriptor? redo = null)
    {
        _services = services;
        _redo = redo;
        Stored = file;
        Identity = StoredIdentity.Of(stat);
        WrittenBytes = stat.Size;
        FoundChange = stat.ChangeTime.ToTimestamp();
        _isFresh = isFresh;
        _cacheId = services.NextCacheId();
        if (map is not null)
            _reader = NewReader(map);
    }

    /// <summary>
    /// The version that was inspected. It has the disk read ahead what the first reader will need: the index at the
    /// file's end, and the first frame.
    /// </summary>
    internal static StoredBase Of(StorageServices services, FileDescriptor file, in Statx stat, in StoredFacts facts)
    {
        if (stat.Size > IndexBytes + FirstBytes)
        {
            FileAdvice.WillNeed(file, stat.Size - IndexBytes, IndexBytes);
            FileAdvice.WillNeed(file, 0, FirstBytes);
        }
        return new(services, file, stat, facts.IsFresh,
            facts is { IsOneFrame: true, IsFresh: false } ? FrameMap.OfOneFrame(stat.Size, facts.LogicalBytes) : null)
        {
            HasHoles = facts.HasHoles,
            Noted = facts.IsFromRecord ? facts.LogicalBytes : null,
            IsOnDisk = facts.IsOnDisk,
            Change = facts.Change
        };
    }

    internal FileDescriptor Stored { get; }

    /// <summary>The file that holds the frames.</summary>
    internal FileDescriptor Frames => _redo ?? Stored;

    /// <summary>The frames are in a redo: the stored file may hold any part of them.</summary>
    internal bool IsRedo => _redo is not null;

    internal StoredIdentity Identity { get; private set; }

    /// <summary>A power cut does not take its content.</summary>
    internal bool IsOnDisk { get; set; }

    /// <summary>What the commit that made it had to write to the disk.</summary>
    internal long WrittenBytes { get; init; }

    /// <summary>The stored file's change time when it was opened.</summary>
    internal Timestamp FoundChange { get; }

    /// <summary>What the record said at that time of the change time that users see.</summary>
    internal RecordedChange Change { get; init; }

    /// <summary>The stored file was opened for writing too: its creation made it.</summary>
    internal bool IsWritable { get; init; }

    internal bool IsFresh => _isFresh;

    /// <summary>Programs are told that it is sparse, and so ask where its holes are.</summary>
    internal bool HasHoles { get; init; }

    internal long LogicalBytes => _isFresh ? 0 : SizeOf(Reader.Map);

    internal FrameMap Map => Reader.Map;

    /// <summary>Why the frames end before the file does; null where they do not.</summary>
    internal FrameDamage? EndDamage => _isFresh ? null : Reader.Map.Damage;

    /// <summary>
    /// The length that users see. A file with a damaged end shows one byte more than can be read, so that a reader
    /// meets the damage and not an end of file.
    /// </summary>
    internal static long SizeOf(FrameMap map) => map.Damage is null ? map.LogicalBytes : map.LogicalBytes + 1;

    /// <summary>Fills the destination, which must lie within <see cref="LogicalBytes"/>.</summary>
    internal void Read(long offset, Span<byte> destination)
    {
        int count = Reader.Read(offset, destination);
        if (count < destination.Length)
            throw new DamagedFrameException("the stored file holds less than its frames say");
    }

    /// <summary>
    /// Throws as reading does where something before this offset cannot be decoded. Of a long file it decodes the
    /// beginning, and looks at the headers of the frames behind that.
    /// </summary>
    internal void Prove(long end)
    {
        FrameMap map = Map;
        Span<byte> last = stackalloc byte[1];
        int asked = 0;
        for (int i = 0; end > _provenEnd && i < map.FrameCount && map[i] is var frame && frame.LogicalOffset < end; i++)
        {
            long frameEnd = Math.Min(frame.LogicalOffset + frame.LogicalBytes, end);
            // The commit finds out what lies behind so many headers.
            if (frame.LogicalOffset >= MostProvenBytes && ++asked > MostAskedHeaders)
                break;
            if (frame.LogicalOffset >= MostProvenBytes)
                _ = FrameStream.RequireWindow(Frames, frame.StoredOffset, frame.StoredBytes, _services.Windows);
            else if (frame.LogicalBytes > 0)
                Read(Math.Min(frameEnd, MostProvenBytes) - 1, last);
        }
        _provenEnd = Math.Max(_provenEnd, end);
    }

    /// <summary>Throws as reading does where this frame cannot be decoded.</summary>
    internal void ProveFrame(int index)
    {
        if (_provenFrames.Contains(index))
            return;
        FrameExtent frame = Map[index];
        Read(frame.LogicalOffset + frame.LogicalBytes - 1, stackalloc byte[1]);
        _provenFrames.Add(index);
    }

    /// <summary>
    /// Up to where content is lost where the byte at this offset cannot be decoded: to the end of its frame.
    /// </summary>
    internal long EndOfFrame(long offset)
    {
        try
        {
            FrameMap map = Map;
            int frame = map.FindFrame(offset);
            return frame < map.FrameCount ? map[frame].LogicalOffset + map[frame].LogicalBytes : long.MaxValue;
        }
        catch (UndecodableException)
        {
            return long.MaxValue;
        }
    }

    /// <summary>Decodes the frame at this offset into the cache, where there is one.</summary>
    internal void Prefetch(long offset)
    {
        if (!_isFresh)
            Reader.Prefetch(offset);
    }

    /// <summary>
    /// Whether this offset lies in whole frames of zeros. <paramref name="end"/> is where they end, or where the data
    /// here ends; at most <paramref name="limit"/>.
    /// </summary>
    internal bool IsHole(long offset, long limit, out long end)
    {
        using var holes = new StoredHoles(Frames, Map, _services.ZeroFrames);
        return holes.Find(offset, limit, out end);
    }

    private StoredFileReader Reader
    {
        get
        {
            if (Volatile.Read(ref _reader) is { } reader)
                return reader;
            lock (_gate)
            {
                StoredFileReader built = _reader
                    ?? NewReader(FrameScanner.ScanIntact(Stored, Identity.Size, _services.Windows).Map);
                // The fault may pass, so the next read scans again. Where the scan found frames before the fault, they
                // serve until the file is opened anew.
                if (built.Map is { FrameCount: 0, Damage.Cause: { MayPass: true } passing })
                {
                    built.Dispose();
                    throw passing.Again();
                }
                if (Noted is { } noted && built.Map.Damage is null && built.Map.LogicalBytes != noted)
                    Disown(noted, built);
                Volatile.Write(ref _reader, built);
                return built;
            }
        }
    }

    /// <summary>
    /// The record is of another content. The kernel believes the length that it says, and would cut reads off there, or
    /// fill them up with zeros. So every read fails until the file is opened anew; by then the record says no length,
    /// where it can be written. It keeps the file's number.
    /// </summary>
    private void Disown(long noted, StoredFileReader built)
    {
        if (_services.State is not null && SourceTree.TryReadRecord(Stored, out SizeRecord record))
            _ = SourceTree.WriteRecord(Stored, record.WithoutSize() with
            {
                ChangeTime = SystemCallsAt.Stat(Stored, out Statx stat) >= 0 ? record.ChangeTimeOf(stat) : default
            });
        long found = built.Map.LogicalBytes;
        built.Dispose();
        throw new DamagedFrameException($"the record says {noted} bytes, and the frames hold {found}");
    }

    private StoredFileReader NewReader(FrameMap map) =>
        new(Frames, map, _cacheId, _services.Cache, _services.Codecs, _services.OpenSpillFile);

    /// <summary>The stored file's modification time was set: it is the same version all the same.</summary>
    internal void NoteTimes(StoredIdentity same) => Identity = same;

    /// <summary>
    /// The same open file with other content: it was written in place. This object gives up the file and must not be
    /// used any more.
    /// </summary>
    internal StoredBase Rewritten(in Statx stat, FrameMap map, bool hasHoles = false)
    {
        CloseReader();
        return new StoredBase(_services, Stored, stat, isFresh: false, map) { HasHoles = hasHoles };
    }

    /// <summary>
    /// The same open file, which holds the frames of the redo by now. This object gives up both files and must not be
    /// used any more.
    /// </summary>
    internal StoredBase Finished(in Statx stat, FrameMap map)
    {
        CloseReader();
        _redo!.Dispose();
        return new StoredBase(_services, Stored, stat, isFresh: false, map) { HasHoles = HasHoles };
    }

    /// <summary>The open file is another object's. This object must not be used any more.</summary>
    internal void GiveUpFile() => CloseReader();

    private void CloseReader()
    {
        _reader?.Dispose();
        _services.Cache.Invalidate(_cacheId);
    }

    /// <summary>
    /// The stored file, kept open until the lease is disposed of. False where this version is closed already.
    /// </summary>
    internal bool TryRent(out DescriptorLease lease)
    {
        lease = default;
        try
        {
            lease = new DescriptorLease(Stored);
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>
    /// Attributes of the stored file. False where it has no name any more, or this version is closed already.
    /// </summary>
    internal bool TryStat(out Statx stat) => TryStat(hasName: true, out stat);

    /// <summary>The same for a stored file that has a name, or for one that has none.</summary>
    internal bool TryStat(bool hasName, out Statx stat)
    {
        stat = default;
        try
        {
            return SystemCallsAt.Stat(Stored, out stat) >= 0 && stat.LinkCount > 0 == hasName;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        CloseReader();
        _redo?.Dispose();
        Stored.Dispose();
    }
}
