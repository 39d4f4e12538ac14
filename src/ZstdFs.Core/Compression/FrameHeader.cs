using System.Buffers.Binary;

namespace ZstdFs.Core.Compression;

/// <summary>What is found where a frame should begin.</summary>
internal enum FrameKind
{
    /// <summary>A zstd frame.</summary>
    Zstd,
    /// <summary>A skippable frame: length, and content that means nothing to a decoder.</summary>
    Skippable,
    /// <summary>Fewer bytes than the header needs.</summary>
    Truncated,
    /// <summary>None of these.</summary>
    Unknown,
}

/// <summary>
/// A frame's header (RFC 8878, 3.1.1.1 and 3.1.2). Until the frame is decoded, any of it may be a lie.
/// </summary>
internal readonly record struct FrameHeader(
    FrameKind Kind, int HeaderBytes, long SkippableBytes, long? ContentBytes, long WindowBytes, bool HasChecksum,
    uint DictionaryId)
{
    internal const uint Magic = 0xFD2FB528;
    internal const uint SkippableMagic = 0x184D2A50;
    internal const uint SkippableMask = 0xFFFFFFF0;
    internal const int SkippableHeaderBytes = 8;
    /// <summary>Magic, descriptor, window, dictionary id and content size at their longest.</summary>
    internal const int MaxBytes = 18;

    internal static FrameHeader Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < sizeof(uint))
            return Of(FrameKind.Truncated);
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (magic == Magic)
            return ParseZstd(bytes);
        if ((magic & SkippableMask) == SkippableMagic)
        {
            return bytes.Length < SkippableHeaderBytes
                ? Of(FrameKind.Truncated)
                : Of(FrameKind.Skippable) with
                {
                    HeaderBytes = SkippableHeaderBytes,
                    SkippableBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..])
                };
        }
        return Of(FrameKind.Unknown);
    }

    /// <summary>
    /// True where <paramref name="frame"/>, which begins with this header, goes on with blocks that lead to its end.
    /// </summary>
    internal bool IsFollowedByBlocks(ReadOnlySpan<byte> frame)
    {
        const int BlockHeaderBytes = 3, ChecksumBytes = 4;
        int position = HeaderBytes;
        while (position + BlockHeaderBytes <= frame.Length)
        {
            int block = frame[position] | (frame[position + 1] << 8) | (frame[position + 2] << 16);
            int type = (block >> 1) & 3;
            if (type == 3)
                return false;
            position += BlockHeaderBytes + (type == 1 ? 1 : block >> 3); // a run-length block stores the byte once
            if ((block & 1) != 0)
                return position + (HasChecksum ? ChecksumBytes : 0) == frame.Length;
        }
        return false;
    }

    private static FrameHeader ParseZstd(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 5)
            return Of(FrameKind.Truncated);
        int descriptor = bytes[4];
        if ((descriptor & 0x08) != 0)
            return Of(FrameKind.Unknown); // the reserved bit
        bool singleSegment = (descriptor & 0x20) != 0;
        int windowBytes = singleSegment ? 0 : 1;
        int dictionaryBytes = (descriptor & 3) == 3 ? 4 : descriptor & 3;
        int sizeFlag = descriptor >> 6;
        int sizeBytes = sizeFlag == 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
        int headerBytes = 5 + windowBytes + dictionaryBytes + sizeBytes;
        if (bytes.Length < headerBytes)
            return Of(FrameKind.Truncated);

        ulong size = ReadLittleEndian(bytes.Slice(5 + windowBytes + dictionaryBytes, sizeBytes));
        if (sizeBytes == 2)
            size += 256;
        if (size > long.MaxValue)
            return Of(FrameKind.Unknown);
        return new FrameHeader(FrameKind.Zstd, headerBytes, 0, sizeBytes == 0 ? null : (long)size,
            singleSegment ? (long)size : Window(bytes[5]), (descriptor & 4) != 0,
            (uint)ReadLittleEndian(bytes.Slice(5 + windowBytes, dictionaryBytes)));
    }

    private static long Window(byte descriptor)
    {
        long power = 1L << (10 + (descriptor >> 3));
        return power + power / 8 * (descriptor & 7);
    }

    private static ulong ReadLittleEndian(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = bytes.Length - 1; i >= 0; i--)
            value = (value << 8) | bytes[i];
        return value;
    }

    private static FrameHeader Of(FrameKind kind) => new(kind, 0, 0, null, 0, false, 0);
}
