using System.Buffers.Binary;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>
/// Where the parts of a stored file with a seek table lie, read from the table itself (docs: zstd's seekable format
/// 0.1.0).
/// </summary>
internal sealed class StoredLayout
{
    private const int FooterBytes = 9, TableHeaderBytes = 8;

    internal StoredLayout(byte[] file)
    {
        int count = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(file.Length - FooterBytes));
        bool hasChecksums = (file[^5] & 0x80) != 0;
        EntryBytes = hasChecksums ? 12 : 8;
        Table = file.Length - FooterBytes - count * EntryBytes - TableHeaderBytes;
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            Frames.Add(at);
            at += BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(Entry(i)));
        }
        Assert.That(at, Is.EqualTo(Table), "the layout is not understood");
        Frames.Add(at);
    }

    /// <summary>Offset of each frame, and of the end of the last.</summary>
    internal List<int> Frames { get; } = [];

    /// <summary>Offset of the seek table's skippable frame.</summary>
    internal int Table { get; }

    internal int EntryBytes { get; }

    /// <summary>Offset of a frame's entry: stored length, then logical length.</summary>
    internal int Entry(int frame) => Table + TableHeaderBytes + frame * EntryBytes;
}
