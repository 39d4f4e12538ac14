using System.Buffers;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>
/// Writes a stored file: frames in order, then the seek table. Every new frame is decoded again and compared before it
/// is written, so that what replaces the old version is known to read back.
/// </summary>
internal sealed class StoredFileWriter
{
    /// <summary>
    /// After so many bytes the disk begins to write them, while the next frames are made: the sync at the end then
    /// waits for little.
    /// </summary>
    private const long WriteBehindBytes = 8 * 1024 * 1024;

    private readonly StorageServices _services;
    private readonly FileDescriptor _output;
    private readonly FrameMapBuilder _map = new();
    private readonly List<SeekTableEntry> _entries = [];
    private readonly FrameCopier _copier;
    private long _givenToDisk;

    /// <param name="services">Shared services.</param>
    /// <param name="output">The file.</param>
    /// <param name="before">Frames that it begins with already.</param>
    internal StoredFileWriter(
        StorageServices services, FileDescriptor output, IEnumerable<SeekTableEntry>? before = null)
    {
        (_services, _output, _copier) = (services, output, new FrameCopier(output));
        foreach (SeekTableEntry frame in before ?? [])
        {
            if (frame.IsPadding)
                NotePadding((int)frame.StoredBytes);
            else
                Note((int)frame.StoredBytes, (int)frame.LogicalBytes);
        }
        _givenToDisk = StoredEnd;
    }

    /// <summary>How much of it the disk has to write.</summary>
    internal long WrittenBytes => StoredEnd - _copier.ClonedBytes;

    /// <summary>The frames written so far.</summary>
    internal IReadOnlyList<SeekTableEntry> Frames => _entries;

    internal long LogicalBytes => _map.LogicalBytes;

    internal long StoredEnd { get; private set; }

    /// <summary>Compresses one frame and appends it.</summary>
    internal int Append(ReadOnlySpan<byte> content)
    {
        int room = FrameEncoder.BoundBytes(content.Length);
        using FrameBuffer frame = _services.Codecs.Buffers.Rent(room);
        int length = Compress(_services, _services.Options.Level, content, frame.AsSpan(room));
        return AppendFrame(frame.AsSpan(length), content.Length);
    }

    /// <summary>Compresses and verifies. Returns the length of the frame.</summary>
    internal static int Compress(StorageServices services, int level, ReadOnlySpan<byte> content, Span<byte> frame)
    {
        FrameEncoder encoder = services.Codecs.RentEncoder(FirstLook.Level(services.Codecs, level, content));
        int length;
        try
        {
            length = encoder.Compress(content, frame);
        }
        finally
        {
            services.Codecs.ReturnEncoder(encoder);
        }
        return services.Codecs.Matches(frame[..length], content)
            ? length
            : throw new DamagedFrameException("a new frame does not decode to what went into it: "
                + "the old version is kept (check this machine's memory)");
    }

    /// <summary>Appends a finished frame.</summary>
    internal int AppendFrame(ReadOnlySpan<byte> frame, int logicalBytes)
    {
        int result = SystemCallsFile.Write(_output, StoredEnd, frame);
        if (result >= 0)
            Note(frame.Length, logicalBytes);
        GiveToDisk();
        return result;
    }

    /// <summary>
    /// Appends frames of zeros, all of this length. It is the same frame each time: it was compressed and compared
    /// once.
    /// </summary>
    internal int AppendZeros(long frames, int frameBytes)
    {
        const int ChunkBytes = 64 * 1024;
        ReadOnlySpan<byte> frame = _services.ZeroFrames.Of(frameBytes).Span;
        int inChunk = (int)Math.Clamp(ChunkBytes / frame.Length, 1, frames);
        byte[] chunk = ArrayPool<byte>.Shared.Rent(inChunk * frame.Length);
        try
        {
            for (int i = 0; i < inChunk; i++)
                frame.CopyTo(chunk.AsSpan(i * frame.Length));
            int result = 0;
            while (frames > 0 && result >= 0)
            {
                int count = (int)Math.Min(inChunk, frames);
                result = SystemCallsFile.Write(_output, StoredEnd, chunk.AsSpan(0, count * frame.Length));
                for (int i = 0; i < count && result >= 0; i++)
                    Note(frame.Length, frameBytes);
                frames -= count;
            }
            return result;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    /// <summary>
    /// Appends frames of another stored file as they are: inside the kernel, by reference where the file system shares
    /// extents.
    /// </summary>
    internal int CopyFrames(StoredBase from, int first, int end)
    {
        FrameExtent start = from.Map[first], last = from.Map[end - 1];
        long bytes = last.StoredOffset + last.StoredBytes - start.StoredOffset;
        int padding = _copier.PaddingFor(from.Frames, start.StoredOffset, StoredEnd, bytes);
        int result = padding > 0 ? AppendPadding(padding) : 0;
        if (result >= 0)
            result = _copier.Copy(from.Frames, start.StoredOffset, StoredEnd, bytes);
        long at = start.StoredOffset;
        for (int i = first; result >= 0 && i < end; i++)
        {
            FrameExtent frame = from.Map[i];
            // What lies between the frames was copied with them.
            if (frame.StoredOffset > at)
                NotePadding((int)(frame.StoredOffset - at));
            Note((int)frame.StoredBytes, (int)frame.LogicalBytes);
            at = frame.StoredOffset + frame.StoredBytes;
        }
        GiveToDisk();
        return result;
    }

    /// <summary>Appends a skippable frame of zeros. The seek table lists it as a frame without content.</summary>
    private int AppendPadding(int bytes)
    {
        Span<byte> frame = stackalloc byte[bytes];
        frame.Clear();
        SeekTable.WritePadding(frame);
        int result = SystemCallsFile.Write(_output, StoredEnd, frame);
        if (result >= 0)
            NotePadding(bytes);
        return result;
    }

    private void NotePadding(int bytes)
    {
        _entries.Add(new SeekTableEntry((uint)bytes, 0));
        StoredEnd += bytes;
    }

    // The sync at the end reports an error.
    private void GiveToDisk()
    {
        if (StoredEnd - _givenToDisk < WriteBehindBytes)
            return;
        SystemCallsFile.StartWriteback(_output, _givenToDisk, StoredEnd - _givenToDisk);
        _givenToDisk = StoredEnd;
    }

    /// <summary>
    /// Ends the file, with a seek table where there are several frames. 0 and the frames, or −errno.
    /// </summary>
    internal int Finish(out FrameMap map)
    {
        bool hasTable = _entries.Count > 1;
        map = null!;
        if (hasTable)
        {
            byte[] table = new byte[SeekTable.BytesFor(_entries.Count)];
            int length = SeekTable.Write(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_entries), table);
            int result = SystemCallsFile.Write(_output, StoredEnd, table.AsSpan(0, length));
            if (result < 0)
                return result;
            StoredEnd += length;
        }
        map = _map.Build(StoredEnd, hasTable);
        return 0;
    }

    private void Note(int storedBytes, int logicalBytes)
    {
        _map.Add(StoredEnd, storedBytes, logicalBytes);
        _entries.Add(new SeekTableEntry((uint)storedBytes, (uint)logicalBytes));
        StoredEnd += storedBytes;
    }
}
