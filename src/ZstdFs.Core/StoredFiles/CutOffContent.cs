using System.Buffers;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>Finds out whether a crash cut off the first content of a new file.</summary>
internal sealed class CutOffContent(StorageServices services)
{
    private const int ProofBytes = 256 * 1024;
    private const int MostEmptyBytes = 32;

    /// <summary>It is the frame of an empty file, byte for byte.</summary>
    internal bool HasNoContent(FileDescriptor file, in Statx stat)
    {
        ReadOnlySpan<byte> empty = services.EmptyFrame.Span;
        Span<byte> found = stackalloc byte[MostEmptyBytes];
        return stat.Size == empty.Length && SystemCallsFile.Read(file, 0, found[..empty.Length]) == empty.Length
            && found[..empty.Length].SequenceEqual(empty);
    }

    /// <summary>
    /// Whether a crash may have cut off a new file's first content: the mount that wrote the record did not end well,
    /// no program has written to the file since, and none has it open for writing. A file that another program has put
    /// in its place stays as it is: if it cannot be decoded, it is damaged.
    /// </summary>
    internal bool MayBeLost(FileDescriptor file, in Statx stat, in SizeRecord record, out bool isInUse)
    {
        isInUse = false;
        if (services.Earlier is not { } earlier || stat.Size > FrameEncoder.BoundBytes(FileSystemOptions.MaxFrameBytes))
            return false;
        Timestamp written = stat.ModifyTime.ToTimestamp();
        if (!(record.IsOfTime(stat)
            ? earlier.MayHaveCutOff(record.Epoch)
            : earlier.MayHaveCutOff(record.Epoch, written)))
            return false;
        if (!record.IsFresh && !(IsSuspect(record) && LostContent.IsIn(file, stat, record)))
            return false;
        int lease = services.Source.HasLeases ? FileLease.TryTake(file) : 0;
        isInUse = lease == -(int)Errno.EAGAIN;
        if (services.Source.HasLeases && lease >= 0)
            _ = FileLease.Release(file);
        return !isInUse;
    }

    /// <summary>A power cut may have taken what the mount with the record's epoch wrote.</summary>
    internal bool IsSuspect(in SizeRecord record) => services.Earlier?.IsSuspect(record.Epoch) == true;

    /// <summary>
    /// Whether some frame does not decode to what its checksum says. A file that cannot be decoded for another reason,
    /// such as a disk that refuses to read, is not lost: nothing may be put in its place.
    /// </summary>
    internal bool IsLost(FileDescriptor file, in Statx stat)
    {
        FrameMap map = FrameScanner.ScanIntact(file, stat.Size, services.Windows).Map;
        if (map.Damage is not null || map.FrameCount == 0)
            return map.Damage is null or { Cause: DamagedFrameException };
        ulong cacheId = services.NextCacheId();
        using var reader = new StoredFileReader(
            file, map, cacheId, services.Cache, services.Codecs, services.OpenSpillFile);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ProofBytes);
        try
        {
            for (long offset = 0; offset < map.LogicalBytes;)
                offset += reader.Read(offset, buffer.AsSpan(0, (int)Math.Min(ProofBytes, map.LogicalBytes - offset)));
            return false;
        }
        catch (DamagedFrameException)
        {
            return true;
        }
        catch (UndecodableException)
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
