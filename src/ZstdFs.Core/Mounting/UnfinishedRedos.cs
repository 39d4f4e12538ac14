using ZstdFs.Core.Commits;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Rewrites in place that an earlier mount left half done, and for which there is no room at this moment. The stored
/// file may hold any part of both versions, so users get the content from the redo until the rewrite can be finished.
/// </summary>
internal sealed class UnfinishedRedos(Volume volume, StateFolder state)
{
    private readonly Dictionary<ulong, (byte[] Name, WorkingCopyRecord Record, byte[] Path)> _redos = [];

    internal void Add(byte[] name, in WorkingCopyRecord record, byte[] path) =>
        _redos[record.InodeNumber] = (name, record, path);

    internal bool Contains(ulong inodeNumber) => _redos.ContainsKey(inodeNumber);

    /// <summary>Opens the redo of a file as the base for what programs wrote after it.</summary>
    internal int Open(
        RecoveryTarget target, ulong inodeNumber, out StoredBase redo, out UnfinishedRewrite rewrite,
        out Timestamp birth)
    {
        (redo, rewrite, birth) = (null!, null!, default);
        (byte[] name, WorkingCopyRecord record, _) = _redos[inodeNumber];
        int result = target.OpenWrite(volume, state, out FileDescriptor stored);
        if (result < 0)
            return result;
        if (target.Stat.IsAppendOnly)
            AppendOnlyMark.PutBack(state, inodeNumber, stored);
        Statx stat = default, size = default;
        SizeRecord noted = default;
        result = volume.Source.OpenRead(state.Working, new NativeName(name), out FileDescriptor frames);
        if (result >= 0)
            result = SystemCallsAt.Stat(frames, out size);
        if (result >= 0)
            result = SystemCallsAt.Stat(stored, out stat);
        if (result >= 0)
            result = SourceTree.ReadRecord(stored, out noted);
        FrameMap? map = null;
        try
        {
            if (result >= 0)
                map = FrameScanner.Scan(frames, size.Size, volume.Services.Windows);
        }
        catch (UndecodableException damage)
        {
            result = -(int)damage.Errno;
        }
        if (map is null)
        {
            frames?.Dispose();
            stored.Dispose();
            return result;
        }
        volume.Services.Inspector.BeginRewrite(stat);
        redo = new StoredBase(volume.Services, stored, stat, isFresh: false, map, frames)
        {
            HasHoles = volume.Services.HasHoles(frames, map)
        };
        rewrite = new UnfinishedRewrite(map, record.ModifyTime, Changes: -1);
        birth = noted.Birth != default ? noted.Birth : stat.Birth.ToTimestamp();
        _redos.Remove(inodeNumber);
        return 0;
    }

    /// <summary>
    /// Serves the redos of files without later writes. Tells the caller the name and −errno of each one that it cannot
    /// serve.
    /// </summary>
    internal void Serve(RecoveryTargets targets, Action<byte[], int> failed)
    {
        foreach ((ulong inodeNumber, (byte[] name, WorkingCopyRecord record, byte[] path)) in _redos.ToArray())
        {
            int result = targets.Find(inodeNumber, record.Base.InodeNumber, path, out RecoveryTarget? target);
            if (result < 0 || target is null)
            {
                failed(name, result);
                continue;
            }
            using (target)
            {
                result = Open(
                    target, inodeNumber, out StoredBase redo, out UnfinishedRewrite rewrite, out Timestamp birth);
                if (result < 0)
                    failed(name, result);
                else
                    Serve(new FileContent(volume.Services, target.TakeNode(), redo)
                    {
                        Birth = birth,
                        Unfinished = rewrite
                    });
            }
        }
    }

    private void Serve(FileContent content)
    {
        OpenContent open = volume.Contents.Add(content, OpenAccess.Read);
        _ = volume.Contents.Close(open);
        volume.Queue.Add(content, atOnce: true);
        volume.Release(open.Content);
    }
}
