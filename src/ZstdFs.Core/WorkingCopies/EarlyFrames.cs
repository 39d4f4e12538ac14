using ZstdFs.Core.Compression;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>
/// The beginning of a long new file, compressed while the rest is still being written. The frames are in a file of
/// their own in <c>.zstdfs/working</c>. They lie below the working copy as a base does, and the working copy gives up
/// the space of what they hold. So a program can write a file that is larger than the free space. The content's lock
/// guards it.
/// </summary>
internal sealed class EarlyFrames : IDisposable
{
    private readonly StorageServices _services;
    private readonly StateFolder _state;
    private readonly List<SeekTableEntry> _frames = [];
    private readonly DurableFile _durable;
    private readonly BlockMap _unsynced = new();
    private bool _nameIsDurable;
    private bool _isGivenAway;

    private EarlyFrames(StorageServices services, StateFolder state, WorkingName name, StoredBase content)
    {
        (_services, _state, Name, Content) = (services, state, name, content);
        _durable = new DurableFile(content.Stored, unsynced: _unsynced);
    }

    /// <summary>What they hold, to read.</summary>
    internal StoredBase Content { get; private set; }

    internal long LogicalBytes => Content.Map.LogicalBytes;

    internal FileDescriptor File => Content.Stored;

    /// <summary>Name in the working folder; null once it has another place.</summary>
    internal WorkingName? Name { get; set; }

    /// <summary>Makes an empty one that belongs to a working copy.</summary>
    internal static int Create(StorageServices services, StateFolder state, WorkingName owner, out EarlyFrames early)
    {
        early = null!;
        WorkingName name = owner.OfEarlyFrames();
        int result = state.CreateWorkingFile(name, out FileDescriptor file);
        if (result < 0)
            return result;
        early = new EarlyFrames(
            services, state, name,
            new StoredBase(services, file, default, isFresh: false, new FrameMapBuilder().Build(0)));
        return 0;
    }

    /// <summary>Opens what an earlier mount left, up to this logical offset. −EBADMSG where it holds less.</summary>
    internal static int Open(
        StorageServices services, StateFolder state, WorkingName owner, long limit, out EarlyFrames early)
    {
        early = null!;
        WorkingName name = owner.OfEarlyFrames();
        int result = services.Source.OpenWrite(
            state.Working, new NativeName(name.Terminated()), out FileDescriptor file);
        Statx stat = default;
        if (result >= 0)
            result = SystemCallsAt.Stat(file, out stat);
        if (result < 0)
        {
            file?.Dispose();
            return result;
        }
        early = new EarlyFrames(
            services, state, name,
            new StoredBase(services, file, stat, isFresh: false, new FrameMapBuilder().Build(0)));
        using (var window = new StoredWindow(file, stat.Size))
        {
            // Frames behind the limit were written when the mount ended: the working copy's record does not count them
            // yet.
            var walker = new FrameWalker(window, stat.Size);
            for (long at = 0, stored = 0; at < limit;)
            {
                if (!walker.Next(out WalkedFrame frame)
                    || frame.ContentBytes is not (> 0 and <= FileSystemOptions.MaxFrameBytes and { } bytes))
                {
                    early.Dispose();
                    return -(int)Errno.EBADMSG;
                }
                if (frame.StoredOffset > stored)
                    early._frames.Add(new SeekTableEntry((uint)(frame.StoredOffset - stored), 0));
                early._frames.Add(new SeekTableEntry((uint)frame.StoredBytes, (uint)bytes));
                stored = frame.StoredOffset + frame.StoredBytes;
                at += bytes;
            }
        }
        early.Reindex();
        return 0;
    }

    /// <summary>Adds the content's frames up to <paramref name="end"/>, a whole number of them.</summary>
    internal int Append(IContentSource content, long end)
    {
        StoredFileWriter writer = Continue();
        using var frames = new FramePipeline(_services, content, TaskScheduler.Default);
        int result = 0;
        for (long offset = LogicalBytes; offset < end && result >= 0; offset += _services.Options.FrameBytes)
            result = frames.Add(offset, _services.Options.FrameBytes, writer);
        if (result >= 0)
            result = frames.Flush(writer);
        return result < 0 ? GiveUpRest(result) : TakeOver(writer);
    }

    /// <summary>
    /// Adds frames of another file as they are: inside the kernel, by reference where the file system shares extents.
    /// </summary>
    internal int Append(StoredBase from, int first, int end)
    {
        StoredFileWriter writer = Continue();
        int result = writer.CopyFrames(from, first, end);
        return result < 0 ? GiveUpRest(result) : TakeOver(writer);
    }

    /// <summary>After an error, cuts off what was written in vain: it must not fill a full disk.</summary>
    private int GiveUpRest(int result)
    {
        _ = SystemCallsFile.Truncate(File, Content.Map.StoredBytes);
        return result;
    }

    private int TakeOver(StoredFileWriter writer)
    {
        _frames.Clear();
        _frames.AddRange(writer.Frames);
        Reindex();
        return 0;
    }

    /// <summary>
    /// A writer that goes on behind these frames, in the same file. What it writes counts only once it is taken over,
    /// or becomes a version.
    /// </summary>
    internal StoredFileWriter Continue() => new(_services, File, _frames);

    /// <summary>When this returns 0, the frames are on disk under their name.</summary>
    internal int Synchronize()
    {
        int result = _durable.Synchronize();
        if (result < 0)
            return result;
        _unsynced.ClearFrom(0);
        if (_nameIsDurable)
            return result;
        result = SystemCallsFile.Synchronize(_state.Working);
        _nameIsDurable = result >= 0;
        return result;
    }

    /// <summary>What the disk refused of them.</summary>
    internal DurableFile Durable => _durable;

    /// <summary>Gives the open file away, to the version that it has become.</summary>
    internal FileDescriptor Release()
    {
        _isGivenAway = true;
        return File;
    }

    /// <summary>Removes the name: no mount will look for these frames.</summary>
    internal void ForgetName()
    {
        if (Name is { } name)
            _state.RemoveWorkingFile(name.Terminated());
        Name = null;
    }

    internal void Discard()
    {
        ForgetName();
        Dispose();
    }

    private void Reindex()
    {
        var map = new FrameMapBuilder(_frames.Count);
        long before = Content.Map.StoredBytes, stored = 0;
        foreach (SeekTableEntry frame in _frames)
        {
            if (!frame.IsPadding)
                map.Add(stored, frame.StoredBytes, frame.LogicalBytes);
            stored += frame.StoredBytes;
        }
        Content = Content.Rewritten(default, map.Build(stored));
        // New frames begin in the block in which the last ones ended.
        _unsynced.Set(before / BlockMap.BlockBytes, BlockMap.CountOf(stored));
    }

    public void Dispose()
    {
        if (_isGivenAway)
            Content.GiveUpFile();
        else
            Content.Dispose();
    }
}
