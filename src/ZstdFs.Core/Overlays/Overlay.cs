using ZstdFs.Core.Compression;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// A committed base, and over it what was written since. Small content is edited in memory, larger content in a working
/// copy; the beginning of a long new file moves on to early frames. Not synchronised: the caller holds the content's
/// lock.
/// </summary>
/// <remarks>
/// Its parts: <see cref="OverlayReader"/> and <see cref="OverlayChanges"/> (reading and writing),
/// <see cref="OverlayMedia"/> (where what was written is), <see cref="OverlayMetadata"/> (length, holes, times),
/// <see cref="OverlayKeeping"/> (what outlives the process), <see cref="OverlayVersions"/> (what commits do to it).
/// </remarks>
internal sealed class Overlay : IContentSource, IDisposable
{
    private readonly StorageServices _services;
    private readonly Node _node;
    private readonly OverlayReader _reader;
    private readonly OverlayChanges _changes;
    private readonly OverlayKeeping _keeping;
    private readonly OverlayVersions _versions;

    internal Overlay(StorageServices services, Node node, StoredBase @base, EarlyFrames? early = null)
    {
        (_services, _node) = (services, node);
        Metadata = new OverlayMetadata(this, @base, services.Clock);
        Media = new OverlayMedia(services, node, this);
        Early = new EarlyCompression(services, this, early);
        Lending = new Lending(services, this);
        _keeping = new OverlayKeeping(this);
        _versions = new OverlayVersions(this);
        _changes = new OverlayChanges(services, this);
        _reader = new OverlayReader(this);
        ReadBelow = _reader.ReadBelow;
    }

    /// <summary>What an earlier mount left uncommitted.</summary>
    internal Overlay(
        StorageServices services, Node node, StoredBase @base, WorkingCopy left, EarlyFrames? early, long logicalBytes)
        : this(services, node, @base, early)
    {
        Media.Use(left);
        Metadata.NoteLeft(services, left, early, logicalBytes);
        if (IsLent)
            Changes.NoteLent();
    }

    /// <summary>Length, holes, times, and what is below.</summary>
    internal OverlayMetadata Metadata { get; }

    /// <summary>Where the content is kept.</summary>
    internal OverlayMedia Media { get; }

    /// <summary>The beginning of a long new file.</summary>
    internal EarlyCompression Early { get; }

    internal Lending Lending { get; }

    /// <summary>Fills a destination with what shows through where nothing was written.</summary>
    internal ReadBelow ReadBelow { get; }

    /// <summary>The committed version.</summary>
    internal StoredBase Base => Metadata.Base;

    /// <summary>
    /// Up to this offset the base, or early frames, show through where nothing was written. Where the base's end cannot
    /// be decoded (<see cref="EndDamage"/>) the limit is a guess, and a change that keeps the end is refused.
    /// </summary>
    internal long BaseLimit
    {
        get => Metadata.BaseLimit;
        set => Metadata.BaseLimit = value;
    }

    /// <summary>Length in bytes.</summary>
    internal long LogicalBytes => IsLent && Lending.TryGetLength(out long bytes) ? bytes : Metadata.LogicalBytes;

    internal UncommittedChanges Changes => Metadata.Changes;

    /// <summary>Encloses every change of what <see cref="Show"/> returns.</summary>
    internal ShownSequence Shown => Metadata.Shown;

    /// <summary>Modification time of what is not committed yet.</summary>
    internal Timestamp ModifyTime => Metadata.ModifyTime;

    /// <summary>When what is not committed yet was changed last.</summary>
    internal Timestamp ChangeTime => Metadata.ChangeTime;

    /// <summary>There is something to commit.</summary>
    internal bool IsDirty => Changes.Exist;

    /// <summary>
    /// The file was emptied to be written anew, and has neither been closed nor synchronised since. Until then the old
    /// version counts.
    /// </summary>
    internal bool ReplacesBase => Metadata.ReplacesBase;

    /// <summary>Opened with O_TMPFILE, and not linked yet: it has no name, and may get one.</summary>
    internal bool IsUnnamed
    {
        get => _keeping.IsUnnamed;
        set => _keeping.IsUnnamed = value;
    }

    /// <summary>The file counts as named, and gets its name a moment later.</summary>
    internal bool IsBeingNamed => _keeping.IsBeingNamed;

    internal WorkingCopy? Working => Media.Working;

    /// <summary>A working copy holds all that was written, and tells the next mount so.</summary>
    internal bool IsInWorkingCopy => Working is not null && !ReplacesBase;

    /// <summary>What shows through where nothing was written, up to <see cref="BaseLimit"/>.</summary>
    internal StoredBase Lower => Early.Content ?? Base;

    /// <summary>
    /// Early frames that can become the next version as they are, with the rest behind them; null where there are none.
    /// </summary>
    internal EarlyFrames? CompleteEarlyFrames => Early.Complete;

    /// <summary>The zstd level for what is written now.</summary>
    public int Level => _services.LevelOf(_node, LogicalBytes);

    internal bool IsBuffered => Media.IsBuffered;

    /// <summary>The kernel reads and writes the working copy by itself.</summary>
    internal bool IsLent => Working is { IsLent: true };

    /// <summary>A write failed in part, and the working copy may hold any part of it.</summary>
    internal bool HasFailed => _changes.HasFailed;

    internal bool HasEarlyFrames => Early.Content is not null;

    /// <summary>The whole content of a buffered file, for the commit.</summary>
    internal ReadOnlySpan<byte> BufferedContent => Media.Buffered[..(int)LogicalBytes];

    /// <summary>Why the end of the content is not known; null where it is.</summary>
    internal FrameDamage? EndDamage => IsDirty ? null : Base.EndDamage;

    /// <inheritdoc cref="OverlayMetadata.Show"/>
    internal ShownContent Show() => Metadata.Show();

    /// <summary>Finds out the length. Several readers may call it at the same time.</summary>
    internal void Load() => Metadata.Load();

    /// <summary>Fills a destination that lies within the file. 0 or −errno.</summary>
    public int Read(long offset, Span<byte> destination) => _reader.Read(offset, destination);

    /// <inheritdoc cref="OverlayChanges.Write"/>
    internal int Write(long offset, ReadOnlySpan<byte> data) => _changes.Write(offset, data);

    /// <inheritdoc cref="OverlayChanges.Zero"/>
    internal int Zero(long offset, long end) => _changes.Zero(offset, end);

    /// <inheritdoc cref="OverlayChanges.Resize"/>
    internal int Resize(long size) => _changes.Resize(size);

    /// <inheritdoc cref="OverlayChanges.TakeFrames"/>
    internal long TakeFrames(StoredBase from, int first, int end) => _changes.TakeFrames(from, first, end);

    /// <inheritdoc cref="OverlayChanges.Refuse"/>
    internal void Refuse(int error) => _changes.Refuse(error);

    /// <summary>
    /// The disk has no room for the next version: compresses a part of the working copy, which gives up the space.
    /// False where no part was compressed.
    /// </summary>
    internal bool TryMakeRoom() => Early.Move() > 0;

    /// <summary>The kernel has finished writing. <see cref="FindBlocks"/> finds what it left out.</summary>
    internal void NoteReturned(long logicalBytes) => Metadata.LogicalBytes = logicalBytes;

    /// <summary>Finds what the kernel wrote.</summary>
    internal void FindBlocks(long logicalBytes)
    {
        Working!.FindBlocks(logicalBytes);
        Metadata.MayHaveHoles = Working.HasHoles(BaseLimit, logicalBytes);
    }

    /// <inheritdoc cref="OverlayMetadata.NoteTimes"/>
    internal void NoteTimes(in StoredIdentity same, Timestamp modify) => Metadata.NoteTimes(same, modify);

    /// <inheritdoc cref="OverlayMetadata.SetUncommittedTime"/>
    internal int SetUncommittedTime(Timestamp modify) => Metadata.SetUncommittedTime(modify);

    /// <inheritdoc cref="OverlayKeeping.Persist"/>
    internal int Persist() => _keeping.Persist();

    /// <inheritdoc cref="OverlayKeeping.Synchronize"/>
    internal int Synchronize() => _keeping.Synchronize();

    /// <inheritdoc cref="OverlayKeeping.NoteSynchronized"/>
    internal void NoteSynchronized() => _keeping.NoteSynchronized();

    /// <inheritdoc cref="OverlayKeeping.Check"/>
    internal int Check() => _keeping.Check();

    /// <inheritdoc cref="OverlayKeeping.TryRepeat"/>
    internal bool TryRepeat() => _keeping.TryRepeat();

    /// <inheritdoc cref="OverlayKeeping.NoteNamed"/>
    internal int NoteNamed() => _keeping.NoteNamed();

    /// <inheritdoc cref="OverlayKeeping.NotePath"/>
    internal void NotePath(ReadOnlySpan<byte> path) => _keeping.NotePath(path);

    /// <inheritdoc cref="OverlayKeeping.NoteUnnamed"/>
    internal void NoteUnnamed() => _keeping.NoteUnnamed();

    /// <inheritdoc cref="OverlayKeeping.ForgetName"/>
    internal void ForgetName() => _keeping.ForgetName();

    /// <inheritdoc cref="OverlayKeeping.MoveToLost"/>
    internal int MoveToLost() => _keeping.MoveToLost();

    /// <inheritdoc cref="OverlayVersions.Rebase"/>
    internal WorkingCopy? Rebase(StoredBase next, bool keepsCopy) => _versions.Rebase(next, keepsCopy);

    /// <inheritdoc cref="OverlayVersions.ReadFromRedo"/>
    internal void ReadFromRedo(StoredBase redo) => _versions.ReadFromRedo(redo);

    /// <summary>Puts another base under what was written. The content of the file stays the same.</summary>
    internal void ReplaceBase(StoredBase same) => Metadata.ChangeBase(same, isAll: false);

    /// <inheritdoc cref="OverlayVersions.NoteRewritten"/>
    internal int NoteRewritten(in StoredIdentity stored) => _versions.NoteRewritten(stored);

    /// <inheritdoc cref="OverlayVersions.NoteCommitted"/>
    internal void NoteCommitted() => _versions.NoteCommitted();

    /// <inheritdoc cref="OverlayVersions.TakeBack"/>
    internal void TakeBack() => _versions.TakeBack();

    /// <inheritdoc cref="OverlayVersions.Revert"/>
    internal void Revert()
    {
        _changes.ForgetFailure();
        _versions.Revert();
    }

    /// <summary>
    /// The uncommitted working copy of a file that still has a name stays for the next mount. That of a deleted file is
    /// removed.
    /// </summary>
    public void Dispose()
    {
        if (!IsDirty || !_node.HasName)
            _versions.Clear();
        Media.Close();
        Early.Dispose();
        Base.Dispose();
    }
}
