using System.Buffers.Binary;
using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>Content to compress, always the same for the same arguments, and stored files made of it by hand.</summary>
internal static class Samples
{
    private static readonly string[] Words =
        ["request", "accepted", "frame", "offset", "timeout", "user", "cache", "miss", "retry", "closed"];

    /// <summary>Log-like text: compresses about as logs do.</summary>
    internal static byte[] Text(int bytes, int seed = 1)
    {
        var random = new Random(seed);
        var text = new StringBuilder(bytes + 128);
        for (int line = 0; text.Length < bytes; line++)
        {
            text.Append("{\"line\":").Append(line).Append(",\"level\":\"").Append(random.Next(8) == 0 ? "warn" : "info")
                .Append("\",\"message\":\"");
            for (int i = random.Next(3, 9); i > 0; i--)
                text.Append(Words[random.Next(Words.Length)]).Append(' ');
            text.Append("\",\"id\":").Append(random.Next()).Append("}\n");
        }
        return Encoding.ASCII.GetBytes(text.ToString(0, bytes));
    }

    internal static byte[] Noise(int bytes, int seed = 1)
    {
        var content = new byte[bytes];
        new Random(seed).NextBytes(content);
        return content;
    }

    internal static byte[] Frame(ReadOnlySpan<byte> content, int level = 3, CodecChoice codec = CodecChoice.Auto)
    {
        using var encoder = new FrameEncoder(Codec.Of(codec), level);
        var frame = new byte[FrameEncoder.BoundBytes(content.Length)];
        return frame[..encoder.Compress(content, frame)];
    }

    /// <summary>A stored file as this file system writes it.</summary>
    internal static byte[] Stored(ReadOnlySpan<byte> content, int frameBytes, int level = 3,
        CodecChoice codec = CodecChoice.Auto)
    {
        var file = new MemoryStream();
        var entries = new List<SeekTableEntry>();
        using var encoder = new FrameEncoder(Codec.Of(codec), level);
        var frame = new byte[FrameEncoder.BoundBytes(frameBytes)];
        for (int done = 0; done < content.Length || entries.Count == 0; done += frameBytes)
        {
            ReadOnlySpan<byte> part = content.Slice(done, Math.Min(frameBytes, content.Length - done));
            int length = encoder.Compress(part, frame);
            file.Write(frame, 0, length);
            entries.Add(new SeekTableEntry((uint)length, (uint)part.Length));
        }
        if (entries.Count > 1)
            file.Write(Table([.. entries]));
        return file.ToArray();
    }

    internal static byte[] Table(params SeekTableEntry[] entries)
    {
        var table = new byte[SeekTable.BytesFor(entries.Length)];
        SeekTable.Write(entries, table);
        return table;
    }

    internal static byte[] Skippable(int contentBytes, uint variant = 0)
    {
        var frame = new byte[8 + contentBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(frame, 0x184D2A50 + variant);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), (uint)contentBytes);
        frame.AsSpan(8).Fill(0xA5);
        return frame;
    }
}
