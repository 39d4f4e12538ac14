using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>What is known about a stored file without reading all of it.</summary>
/// <param name="InodeNumber">Inode number that users see.</param>
/// <param name="LogicalBytes">Length that users see.</param>
/// <param name="IsFresh">Created, and no content committed yet: it is empty, whatever is in it.</param>
/// <param name="IsOneFrame">The stored file is one frame from its first byte to its last.</param>
/// <param name="Birth">When the logical file was made.</param>
internal readonly record struct StoredFacts(ulong InodeNumber, long LogicalBytes, bool IsFresh, bool IsOneFrame, Timestamp Birth)
{
    /// <summary>It is known to have whole frames of zeros.</summary>
    internal bool HasHoles { get; init; }

    /// <summary>The record said so, and the frames were not asked.</summary>
    internal bool IsFromRecord { get; init; }
}

/// <summary>
/// Finds a stored file's size and inode number: from its record where that is to be trusted, else from its frames, and then writes a new record where the file
/// system keeps one.
/// </summary>
internal sealed class StoredFileInspector(ContentServices services)
{
    private const int ProofBytes = 256 * 1024;

    private readonly SourceDevices _devices = services.Source.Devices;

    // Two first lookups of one file must not give it two numbers; files that share a gate wait for each other's scan.
    private readonly Lock[] _gates = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];

    // Numbers of rewritten files in a source that keeps no records, by what tells their stored files apart; they last as long as the mount.
    private readonly ConcurrentDictionary<ulong, ulong> _unrecorded = new();

    /// <param name="parent">Folder.</param>
    /// <param name="stored">Name in it.</param>
    /// <param name="stat">What was found there; what is there now, where a crash had left something that had to be mended.</param>
    /// <param name="facts">What is known of it.</param>
    internal int Inspect(FileDescriptor parent, NativeName stored, ref Statx stat, out StoredFacts facts)
    {
        if (SourceTree.TryReadRecord(parent, stored, out SizeRecord record) && IsTrusted(record, stat, out facts))
            return 0;
        facts = default;
        int result = services.Source.OpenRead(parent, stored, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
            return InspectFrames(file, stored, ref stat, out facts);
    }

    /// <summary>The same of an open stored file; <paramref name="name"/> is for the log.</summary>
    internal int Inspect(FileDescriptor file, ref Statx stat, NativeName name, out StoredFacts facts) =>
        SourceTree.TryReadRecord(file, out SizeRecord record) && IsTrusted(record, stat, out facts) ? 0 : InspectFrames(file, name, ref stat, out facts);

    private bool IsTrusted(in SizeRecord record, in Statx stat, out StoredFacts facts)
    {
        Timestamp birth = record.Birth == default ? stat.Birth.ToTimestamp() : record.Birth;
        facts = new StoredFacts(record.InodeNumber, record.IsFresh ? 0 : record.LogicalBytes, record.IsFresh, record.IsOneFrame, birth) { HasHoles = record.HasHoles, IsFromRecord = true };
        // What is longer than an empty file's frame holds something, whoever calls it fresh: the frames tell what.
        bool isAsItWasMade = !record.IsFresh || stat.Size == services.EmptyFrame.Length;
        return isAsItWasMade && _devices.IsOf(record, stat) && record.Describes(stat) && services.State?.IsSuspect(record.Epoch) != true;
    }

    private int InspectFrames(FileDescriptor file, NativeName name, ref Statx known, out StoredFacts facts)
    {
        facts = default;
        int result = SystemCallsAt.Stat(file, out Statx stat);
        if (result < 0)
            return result;
        lock (_gates[stat.InodeNumber % (ulong)_gates.Length])
        {
            bool hasRecord = SourceTree.TryReadRecord(file, out SizeRecord record) && _devices.IsOf(record, stat);
            if (hasRecord && IsTrusted(record, stat, out facts))
                return 0;
            ulong number = hasRecord ? record.InodeNumber : NumberFor(stat);
            Timestamp birth = hasRecord && record.Birth != default ? record.Birth : stat.Birth.ToTimestamp();
            bool isUnproven = hasRecord && (record.IsFresh || services.State?.IsSuspect(record.Epoch) == true && LostContent.IsIn(file, stat, record));
            bool isFresh = isUnproven && !IsWhole(file, stat);
            LogicalSize size = default;
            bool isFinal = true;
            if (isFresh)
            {
                services.Log.Warning($"{name.ToString()}: its first content did not reach the disk before the machine stopped; it is empty");
                // A file of this mount may be getting its first content at this moment.
                if (services.State is { } state && record.Epoch != 0 && record.Epoch < state.Epoch)
                    LostContent.MakeEmpty(file, services.EmptyFrame.Span, ref stat);
                known = stat;
            }
            else
                size = FindSize(file, stat, name, out isFinal);
            // A number that cannot be written down would be another one at the next look.
            SizeRecord next = isFinal ? _devices.RecordFor(stat, number, size.Bytes, birth) with { IsFresh = isFresh, IsOneFrame = size.IsOneFrame } : _devices.NumberRecordFor(stat, number, birth);
            if (services.State is not null && (isFinal || !hasRecord) && SourceTree.WriteRecord(file, next) < 0 && !hasRecord)
                number = _unrecorded.GetValueOrDefault(_devices.IdentityOf(stat), _devices.NumberOf(stat));
            facts = new StoredFacts(number, size.Bytes, isFresh, isFinal && size.IsOneFrame, birth);
            return 0;
        }
    }

    /// <summary>
    /// A number for a file found in the source. Not the source's own: that is freed when a rewrite replaces the stored file, and a folder made then could get it.
    /// </summary>
    private ulong NumberFor(in Statx stat)
    {
        if (_unrecorded.TryGetValue(_devices.IdentityOf(stat), out ulong number))
            return number;
        return services.State is { KeepsRecords: true } state ? state.AllocateInodeNumber() : _devices.NumberOf(stat);
    }

    /// <summary>
    /// The inode number of a plain file: the one in its record, which it keeps when it is converted. Where plain files are to be converted it gets a record now.
    /// Returns 0, or −ENOENT where it is gone meanwhile.
    /// </summary>
    internal int PlainNumber(FileDescriptor parent, NativeName name, in Statx stat, out ulong number)
    {
        number = _devices.NumberOf(stat);
        if (SourceTree.TryReadRecord(parent, name, out SizeRecord record) && _devices.IsOf(record, stat))
        {
            number = record.InodeNumber;
            return 0;
        }
        if (services.Options.PlainFiles != PlainFiles.Convert || services.State is not { KeepsRecords: true } state || stat.Device != services.Source.RootStat.Device)
            return 0;
        lock (_gates[stat.InodeNumber % (ulong)_gates.Length])
        {
            if (SourceTree.TryReadRecord(parent, name, out record) && _devices.IsOf(record, stat))
            {
                number = record.InodeNumber;
                return 0;
            }
            ulong given = state.AllocateInodeNumber();
            int result = SourceTree.WriteRecord(parent, name, _devices.NumberRecordFor(stat, given, stat.Birth.ToTimestamp()));
            if (result >= 0)
                number = given;
            return result == -(int)Errno.ENOENT ? result : 0;
        }
    }

    /// <summary>The file keeps its number although the source keeps no records: a commit replaced its stored file.</summary>
    internal void NoteReplaced(in Statx old, in Statx next, ulong number)
    {
        _unrecorded.TryRemove(_devices.IdentityOf(old), out _);
        _unrecorded[_devices.IdentityOf(next)] = number;
    }

    private LogicalSize FindSize(FileDescriptor file, in Statx stat, NativeName name, out bool isFinal)
    {
        isFinal = true;
        if (FrameScanner.QuickSize(file, stat.Size) is { } quick)
            return quick;
        Span<byte> foreign = stackalloc byte[sizeof(long)];
        if (ExtendedAttributes.Get(file, SizeRecord.ForeignAttributeName, foreign) == sizeof(long) && BinaryPrimitives.ReadInt64BigEndian(foreign) is >= 0 and var said)
        {
            // Good enough for a listing. Opening the file finds the truth.
            isFinal = false;
            return new LogicalSize(said, IsOneFrame: false);
        }
        FrameMap map = FrameScanner.ScanIntact(file, stat.Size).Map;
        if (map.Damage is { } damage)
        {
            services.Log.Error($"{name.ToString()}: damaged at stored byte {damage.StoredOffset}: {damage.Reason}", "damage at its end", StoredIdentity.Of(stat).Version);
            isFinal = false;
        }
        return new LogicalSize(StoredBase.SizeOf(map), map.IsOneFrame);
    }

    /// <summary>Whether every frame decodes to what its checksum says.</summary>
    private bool IsWhole(FileDescriptor file, in Statx stat)
    {
        FrameMap map = FrameScanner.ScanIntact(file, stat.Size).Map;
        if (map.Damage is not null || map.FrameCount == 0)
            return false;
        ulong cacheId = services.NextCacheId();
        using var reader = new StoredFileReader(file, map, cacheId, services.Cache, services.Codecs, services.OpenSpillFile);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ProofBytes);
        try
        {
            for (long offset = 0; offset < map.LogicalBytes;)
                offset += reader.Read(offset, buffer.AsSpan(0, (int)Math.Min(ProofBytes, map.LogicalBytes - offset)));
            return true;
        }
        catch (DamagedFrameException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            services.Cache.Invalidate(cacheId);
        }
    }
}
