using System.Buffers.Binary;
using System.Collections.Concurrent;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>
/// Finds a stored file's size and inode number: from its record where that can be trusted, else from its frames. Then
/// it writes a new record, where the file system keeps one.
/// </summary>
internal sealed class StoredFileInspector(StorageServices services)
{
    private const int MostAttempts = 3;

    private readonly InspectionReports _reports = new(services.Log);
    private readonly CutOffContent _cutOff = new(services);
    private readonly SourceDevices _devices = services.Source.Devices;
    private readonly UnrecordedNumbers _numbers = services.Source.Numbers;
    private readonly Func<ulong>? _allocate = services.State is { } state ? state.AllocateInodeNumber : null;

    // Two first lookups of one file must not give it two numbers; files that share a gate wait for each other's scan.
    private readonly Lock[] _gates = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];

    // Files of which an earlier mount left something uncommitted, and their numbers, by their stored files' inodes.
    // Filled before this mount serves.
    private readonly Dictionary<ulong, (StoredIdentity Stored, ulong Number)> _left = [];

    // Inode numbers, in the source, of stored files that a commit is writing into, or has left half written.
    private readonly ConcurrentDictionary<ulong, int> _rewritten = new();

    /// <summary>
    /// A commit is about to write into the stored file itself. Until <see cref="EndRewrite"/> no lookup asks its
    /// frames: they are partly those of the version before. The file is open meanwhile, so users see the length of its
    /// open content.
    /// </summary>
    internal void BeginRewrite(in Statx stored)
    {
        // A lookup that reads the file now holds this gate, and is through before the first write.
        lock (_gates[stored.InodeNumber % (ulong)_gates.Length])
            _rewritten[stored.InodeNumber] = 0;
    }

    /// <summary>
    /// The same for the first content of a new file. A lookup that reads the file now takes what is half written for
    /// damage, and looks again before it says so.
    /// </summary>
    internal void BeginFirstContent(in Statx stored) => _rewritten[stored.InodeNumber] = 0;

    internal void EndRewrite(ulong storedInode) => _rewritten.TryRemove(storedInode, out _);

    /// <summary>
    /// 0 for any stored file that is there: one that cannot be opened or decoded has a name, an owner and a mode all
    /// the same. −ENOENT or −ESTALE where it is gone meanwhile, −ELOOP or −ENOTDIR where the name leads to
    /// another kind of file by now; another error where its record could not be read at this moment.
    /// </summary>
    /// <param name="parent">Folder.</param>
    /// <param name="stored">Name in it.</param>
    /// <param name="stat">What was found there; replaced by what is there after a record was written, or after a file
    /// was mended that a crash had cut off.</param>
    /// <param name="facts">What is known of it.</param>
    internal int Inspect(FileDescriptor parent, NativeName stored, ref Statx stat, out StoredFacts facts)
    {
        facts = default;
        int recorded = SourceTree.ReadRecord(parent, stored, out SizeRecord record);
        // A record that cannot be read at this moment must not be made anew: with another number the file would be
        // another file.
        if (recorded < 0)
            return recorded;
        if (recorded > 0 && IsTrusted(record, stat, out facts))
            return 0;
        int result = services.Source.OpenRead(parent, stored, out FileDescriptor file);
        if (result < 0)
            return DescribeClosed(parent, stored, stat, -result, record, out facts);
        using (file)
            return InspectFrames(file, stored, ref stat, out facts);
    }

    /// <summary>The same of an open stored file; <paramref name="name"/> is for the log.</summary>
    internal int Inspect(FileDescriptor file, ref Statx stat, NativeName name, out StoredFacts facts)
    {
        facts = default;
        int recorded = SourceTree.ReadRecord(file, out SizeRecord record);
        if (recorded < 0)
            return recorded;
        return recorded > 0 && IsTrusted(record, stat, out facts) ? 0 : InspectFrames(file, name, ref stat, out facts);
    }

    /// <summary>
    /// A file that cannot be opened: opening it through the mount will fail in the same way, and say why.
    /// </summary>
    private int DescribeClosed(
        FileDescriptor parent, NativeName stored, in Statx stat, int error, in SizeRecord record, out StoredFacts facts)
    {
        facts = default;
        // The file is gone, or another kind of file has its name.
        if ((Errno)error is Errno.ENOENT or Errno.ESTALE or Errno.ELOOP or Errno.ENOTDIR)
            return -error;
        if ((Errno)error == Errno.EACCES && services.Closed.TryFind(stat, out SizeRecord kept)
            && IsTrusted(kept, stat, out facts))
            return 0;
        services.Log.Error(
            $"{SourcePath.Of(parent, stored)}: its length is not known, because it cannot be opened ({(Errno)error})",
            $"open: {error}",
            StoredIdentity.Of(stat).Version);
        bool isNumbered = record.InodeNumber != 0 && _devices.IsOf(record, stat);
        ulong number = isNumbered ? record.InodeNumber : NumberWithoutRecord(stat);
        Timestamp birth = isNumbered && record.Birth != default ? record.Birth : _numbers.BirthOf(stat);
        facts = new StoredFacts(number, StoredFacts.UnknownBytes, IsFresh: false, IsOneFrame: false, birth);
        return 0;
    }

    private bool IsTrusted(in SizeRecord record, in Statx stat, out StoredFacts facts)
    {
        Timestamp birth = record.Birth == default ? stat.Birth.ToTimestamp() : record.Birth;
        facts = new StoredFacts(
            record.InodeNumber, record.IsFresh ? 0 : record.LogicalBytes, record.IsFresh, record.IsOneFrame, birth)
        {
            HasHoles = record.HasHoles,
            IsFromRecord = true,
            IsOnDisk = services.State is { } state && record.Epoch != state.Epoch,
            Change = RecordedChange.Of(record, stat)
        };
        // A fresh file whose length is not that of an empty file's frame holds something: its frames tell what.
        bool isAsItWasMade = !record.IsFresh || stat.Size == services.EmptyFrame.Length;
        return isAsItWasMade && _devices.IsOf(record, stat) && record.Describes(stat)
            && !(services.State is not null && _cutOff.IsSuspect(record));
    }

    private int InspectFrames(
        FileDescriptor file, NativeName name, ref Statx known, out StoredFacts facts, int attempt = 0)
    {
        facts = default;
        int result = SystemCallsAt.Stat(file, out Statx stat);
        if (result < 0)
            return result;
        lock (_gates[stat.InodeNumber % (ulong)_gates.Length])
        {
            result = SourceTree.ReadRecord(file, out SizeRecord record);
            if (result < 0)
                return result;
            bool isRecorded = result > 0, hasRecord = isRecorded && _devices.IsOf(record, stat);
            if (hasRecord && (IsTrusted(record, stat, out facts) || record.IsFresh && _cutOff.HasNoContent(file, stat)))
                return 0;
            if (_rewritten.ContainsKey(stat.InodeNumber))
            {
                DescribeRewritten(stat, record, hasRecord, out facts);
                return 0;
            }
            ulong number = hasRecord ? record.InodeNumber : NumberFor(stat);
            Timestamp birth = hasRecord && record.Birth != default ? record.Birth : _numbers.BirthOf(stat);
            bool isInUse = false,
                isFresh = hasRecord && _cutOff.MayBeLost(file, stat, record, out isInUse) && _cutOff.IsLost(file, stat);
            LogicalSize size = default;
            FrameDamage? damage = null;
            bool isFinal = true;
            if (!isFresh)
                size = FindSize(file, stat, out isFinal, out damage);
            // A commit, or another program, may be writing the file at this moment.
            if ((isFresh || damage is not null) && attempt < MostAttempts && IsChanging(file, stat))
                return InspectFrames(file, name, ref known, out facts, attempt + 1);
            if (damage is not null)
                _reports.Damaged(file, name, stat, damage);
            // What the recorded mount wrote is as durable as it was, so the new record keeps the epoch while the
            // content is the same. A suspect file that was looked at is not suspect any more.
            bool isSameContent = hasRecord && record.StoredBytes == stat.Size;
            uint epoch = isSameContent && (isInUse || !_cutOff.IsSuspect(record)) ? record.Epoch : 0;
            if (isFresh)
            {
                services.Log.Warning($"{name.ToString()}: its first content was never completed; it is empty");
                bool isMade = services.State is not null
                    && LostContent.MakeEmpty(file, services.EmptyFrame.Span, ref stat);
                epoch = isMade ? services.State!.Epoch : record.Epoch;
                known = stat;
            }
            // A file that was found, and that we have not written, keeps a record without a birth: we must not turn it
            // into a plain file (FoundFiles).
            Timestamp noted = isRecorded && record.Birth != default ? birth : default;
            // A number that is not written down would be another one at the next look. So it is recorded alone where
            // the size is not certain.
            SizeRecord next = isFinal
                ? _devices.RecordFor(stat, number, size.Bytes, noted)
                    with { IsFresh = isFresh, IsOneFrame = size.IsOneFrame, Epoch = epoch }
                : _devices.NumberRecordFor(stat, number, noted);
            RecordedChange change = hasRecord ? RecordedChange.Of(record, stat) : default;
            // A record never holds a number that the source gave.
            bool isRecordable = hasRecord || InodeNumber.IsAllocated(number);
            if (record.IsNewer)
                _reports.Newer(file, name, stat);
            if (services.State is not null && isRecordable && (isFinal || !hasRecord))
            {
                // To users nothing has happened to the file: its change time stays.
                next = next with { ChangeTime = hasRecord ? record.ChangeTimeOf(stat) : stat.ChangeTime.ToTimestamp() };
                int written = isRecorded ? SourceTree.WriteRecord(file, next, out long windowEnd)
                    : SourceTree.WriteFirstRecord(file, next, out windowEnd);
                // The CREATE that is under way has written a record, with its number.
                if (written == -(int)Errno.EEXIST)
                    return InspectFrames(file, name, ref known, out facts);
                if (written < 0)
                    number = hasRecord ? number : NoteUnrecorded(stat, written);
                else if (SystemCallsAt.Stat(file, out Statx now) >= 0)
                    (known, change) = (now, new RecordedChange(next.ChangeTime, windowEnd, IsNew: true));
            }
            facts = new StoredFacts(number, size.Bytes, isFresh, isFinal && size.IsOneFrame, birth) { Change = change };
            return 0;
        }
    }

    private void DescribeRewritten(in Statx stat, in SizeRecord record, bool hasRecord, out StoredFacts facts)
    {
        ulong number = hasRecord ? record.InodeNumber : NumberWithoutRecord(stat);
        facts = new StoredFacts(
            number,
            record.LogicalBytes,
            IsFresh: false,
            IsOneFrame: false,
            record.Birth != default ? record.Birth : stat.Birth.ToTimestamp())
        {
            Change = hasRecord ? RecordedChange.Of(record, stat) : default,
        };
    }

    /// <summary>
    /// A number for a file found in the source. It is not the source's own, where records are kept: a commit that
    /// replaces the stored file frees that, and the source could give it to a new folder.
    /// </summary>
    private ulong NumberFor(in Statx stat)
    {
        if (NotedNumber(stat) is > 0 and var number)
            return number;
        return services.State is { KeepsRecords: true } state ? state.AllocateInodeNumber() : NumberWithoutRecord(stat);
    }

    /// <summary>The number of a file, folder or special file that has no record.</summary>
    internal ulong NumberWithoutRecord(in Statx stat) =>
        NotedNumber(stat) is > 0 and var number ? number : _numbers.Of(stat, _allocate);

    private ulong NotedNumber(in Statx stat) => _numbers.Find(stat) is > 0 and var number ? number : LeftNumber(stat);

    /// <summary>
    /// No record could be written. Where that may pass (the disk is full, the file is immutable), the number that users
    /// see lasts as long as the mount.
    /// </summary>
    private ulong NoteUnrecorded(in Statx stat, int error)
    {
        ulong number = NumberWithoutRecord(stat);
        if ((Errno)(-error) is not (Errno.EACCES or Errno.EROFS or Errno.EOPNOTSUPP))
            _numbers.Note(stat, number);
        return number;
    }

    /// <summary>An earlier mount left something that belongs to this version of a file.</summary>
    internal void NoteLeft(in StoredIdentity stored, ulong number) => _left[stored.InodeNumber] = (stored, number);

    /// <summary>
    /// The number that a file without a record had when an earlier mount left something of it. 0 where no mount did, or
    /// the stored file is another version.
    /// </summary>
    internal ulong LeftNumber(in Statx stat) =>
        _left.TryGetValue(stat.InodeNumber, out (StoredIdentity Stored, ulong Number) left)
            && left.Stored == StoredIdentity.Of(stat)
            ? left.Number
            : 0;

    /// <summary>
    /// Finds the inode number and the change time of a plain file: those in its record, which it keeps when it is
    /// converted. Where plain files are to be converted, a file without a record gets one here. Returns 0, −ENOENT
    /// where it is gone meanwhile, or another error.
    /// </summary>
    internal int PlainNumber(
        FileDescriptor parent, NativeName name, ref Statx stat, out ulong number, out RecordedChange change)
    {
        number = NumberWithoutRecord(stat);
        change = default;
        int recorded = SourceTree.ReadRecord(parent, name, out SizeRecord record);
        if (recorded < 0)
            return recorded;
        if (recorded > 0 && _devices.IsOf(record, stat))
        {
            (number, change) = (record.InodeNumber, RecordedChange.Of(record, stat));
            return 0;
        }
        if (services.Options.PlainFiles != PlainFiles.Convert
            || services.State is not { KeepsRecords: true } state
            || stat.Device != services.Source.RootStat.Device)
            return 0;
        lock (_gates[stat.InodeNumber % (ulong)_gates.Length])
        {
            int result = SourceTree.ReadRecord(parent, name, out record);
            if (result < 0)
                return result;
            // A newer zstdfs's record keeps the file plain.
            if (record.IsNewer)
                return 0;
            if (result > 0 && _devices.IsOf(record, stat))
            {
                // The caller may have read the change time before the record was written.
                _ = SystemCallsAt.Stat(parent, name, out stat);
                (number, change) = (record.InodeNumber, RecordedChange.Of(record, stat));
                return 0;
            }
            ulong given = state.AllocateInodeNumber();
            Timestamp shown = stat.ChangeTime.ToTimestamp();
            result = SourceTree.WriteRecord(
                parent,
                name,
                _devices.NumberRecordFor(stat, given, stat.Birth.ToTimestamp()) with { ChangeTime = shown },
                out long windowEnd);
            if (result >= 0)
                number = given;
            if (result >= 0 && SystemCallsAt.Stat(parent, name, out Statx written) >= 0
                && written.InodeNumber == stat.InodeNumber)
                (stat, change) = (written, new RecordedChange(shown, windowEnd, IsNew: true));
            return result == -(int)Errno.ENOENT ? result : 0;
        }
    }

    private LogicalSize FindSize(FileDescriptor file, in Statx stat, out bool isFinal, out FrameDamage? damage)
    {
        (isFinal, damage) = (true, null);
        if (FrameScanner.QuickSize(file, stat.Size, services.Windows) is { } quick)
            return quick;
        Span<byte> foreign = stackalloc byte[sizeof(long)];
        if (ExtendedAttributes.Get(file, SizeRecord.ForeignAttributeName, foreign) == sizeof(long)
            && BinaryPrimitives.ReadInt64BigEndian(foreign) is >= 0 and var said)
        {
            // Good enough for a listing. Opening the file finds the truth.
            isFinal = false;
            return new LogicalSize(said, IsOneFrame: false);
        }
        FrameMap map = FrameScanner.ScanIntact(file, stat.Size, services.Windows).Map;
        damage = map.Damage;
        isFinal = damage is null;
        return new LogicalSize(StoredBase.SizeOf(map), map.IsOneFrame);
    }

    private bool IsChanging(FileDescriptor file, in Statx seen) =>
        _rewritten.ContainsKey(seen.InodeNumber)
            || SystemCallsAt.Stat(file, out Statx now) >= 0 && StoredIdentity.Of(now) != StoredIdentity.Of(seen);
}
