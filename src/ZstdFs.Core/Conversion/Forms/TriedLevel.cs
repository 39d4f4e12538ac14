using System.Buffers.Binary;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion.Forms;

/// <summary>
/// The extended attribute <c>user.zstdfs.tried</c> (24 bytes, little-endian: level i32, frame size i32, length of the
/// stored file i64, its modification time in nanoseconds i64). It says that this version was compressed anew at this
/// level: it is the result, or the result was not worth it. So recompressing never loops.
/// </summary>
internal static class TriedLevel
{
    private const int Bytes = 24;

    internal static NativeName AttributeName => new("user.zstdfs.tried\0"u8);

    internal static void Note(FileDescriptor file, ConversionOptions options, long storedBytes, Timestamp modifyTime)
    {
        Span<byte> value = stackalloc byte[Bytes];
        Write(value, options, storedBytes, modifyTime);
        _ = ExtendedAttributes.Set(file, AttributeName, value, 0);
    }

    /// <summary>Recompressing would give the same again.</summary>
    internal static bool IsNoted(FileDescriptor directory, NativeName name, ConversionOptions options, in Statx stat)
    {
        Span<byte> expected = stackalloc byte[Bytes], value = stackalloc byte[Bytes];
        Write(expected, options, stat.Size, stat.ModifyTime.ToTimestamp());
        return ExtendedAttributes.Get(directory, name, AttributeName, value) == Bytes && value.SequenceEqual(expected);
    }

    private static void Write(Span<byte> value, ConversionOptions options, long storedBytes, Timestamp modifyTime)
    {
        BinaryPrimitives.WriteInt32LittleEndian(value, options.Level);
        BinaryPrimitives.WriteInt32LittleEndian(value[4..], options.FrameBytes);
        BinaryPrimitives.WriteInt64LittleEndian(value[8..], storedBytes);
        BinaryPrimitives.WriteInt64LittleEndian(
            value[16..], unchecked(modifyTime.Seconds * 1_000_000_000 + modifyTime.Nanoseconds));
    }
}
