using System.Buffers.Binary;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>One way in which a stored file is damaged behind the mount's back.</summary>
/// <param name="Name">Words for it.</param>
/// <param name="Change">Makes the damaged file from the good one.</param>
internal sealed record DamageRow(string Name, Func<byte[], byte[]> Change)
{
    private const int Damaged = 2; // the frame that rows about one frame damage

    private static DamageRow Flip(string name, Func<StoredLayout, int> where) => new(name, file =>
    {
        byte[] changed = (byte[])file.Clone();
        changed[where(new StoredLayout(file))] ^= 0x55;
        return changed;
    });

    private static DamageRow Lie(string name, Action<byte[], StoredLayout> change) => new(name, file =>
    {
        byte[] changed = (byte[])file.Clone();
        change(changed, new StoredLayout(file));
        return changed;
    });

    private static DamageRow Cut(string name, Func<StoredLayout, int> where) =>
        new(name, file => file[..where(new StoredLayout(file))]);

    private static void Add(byte[] file, int at, int difference) =>
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at),
            BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at)) + difference);

    /// <summary>Every class of bytes of a stored file of several frames.</summary>
    internal static readonly DamageRow[] All =
    [
        Flip("byte flipped in the first frame's magic", static l => l.Frames[0]),
        Flip("byte flipped in a frame's magic", static l => l.Frames[Damaged]),
        Flip("byte flipped in a frame's header descriptor", static l => l.Frames[Damaged] + 4),
        Flip("byte flipped in a frame's content size", static l => l.Frames[Damaged] + 5),
        Flip("byte flipped in a block's header", static l => l.Frames[Damaged] + 9),
        Flip("byte flipped in a block's tables", static l => l.Frames[Damaged] + 20),
        Flip("byte flipped in the middle of a frame", static l => (l.Frames[Damaged] + l.Frames[Damaged + 1]) / 2),
        Flip("byte flipped in a frame's checksum", static l => l.Frames[Damaged + 1] - 1),
        Flip("byte flipped in the last frame's checksum", static l => l.Frames[^1] - 1),
        Flip("byte flipped in the seek table's magic", static l => l.Table),
        Flip("byte flipped in the seek table's length", static l => l.Table + 4),
        Flip("byte flipped in a stored length in the seek table", static l => l.Entry(Damaged)),
        Flip("byte flipped in a logical length in the seek table", static l => l.Entry(Damaged) + 4),
        Flip("byte flipped in the seek table's count of frames", static l => l.Entry(l.Frames.Count - 1)),
        Flip("byte flipped in the seek table's descriptor", static l => l.Entry(l.Frames.Count - 1) + 4),
        Flip("byte flipped in the seek table's last byte", static l => l.Entry(l.Frames.Count - 1) + 8),
        Lie("seek table: stored lengths of two frames changed, their sum right",
            static (f, l) => { Add(f, l.Entry(1), 7); Add(f, l.Entry(2), -7); }),
        Lie("seek table: logical lengths of two frames changed, their sum right",
            static (f, l) => { Add(f, l.Entry(1) + 4, 4096); Add(f, l.Entry(2) + 4, -4096); }),
        Lie("seek table: a logical length of 4 GiB",
            static (f, l) => BinaryPrimitives.WriteUInt32LittleEndian(f.AsSpan(l.Entry(1) + 4), uint.MaxValue)),
        Lie("frame overwritten with zeros",
            static (f, l) => f.AsSpan(l.Frames[Damaged]..l.Frames[Damaged + 1]).Clear()),
        Lie("frame overwritten with another one's first bytes",
            static (f, l) => f.AsSpan(l.Frames[0], 3000).CopyTo(f.AsSpan(l.Frames[Damaged]))),
        Lie("4 KiB in the middle of a frame are zeros",
            static (f, l) => f.AsSpan((l.Frames[Damaged] + l.Frames[Damaged + 1]) / 2, 4096).Clear()),
        Cut("cut off in a frame", static l => (l.Frames[Damaged] + l.Frames[Damaged + 1]) / 2),
        Cut("cut off between two frames", static l => l.Frames[Damaged]),
        Cut("cut off in the first frame's header", static _ => 3),
        Cut("cut off in the seek table", static l => l.Table + 20),
        new("cut off before the seek table", static f => f[..new StoredLayout(f).Table]),
        new("extended by a skippable frame", static f => [.. f, 0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]),
        new("extended by one byte", static f => [.. f, 7]),
        new("extended by 4 KiB of zeros", static f => [.. f, .. new byte[4096]]),
        new("extended by half a frame", static f => [.. f, .. f[..10_000]]),
        new("replaced by noise of the same length",
            static f => { byte[] noise = new byte[f.Length]; new Random(1).NextBytes(noise); return noise; }),
        new("replaced by zeros of the same length", static f => new byte[f.Length]),
    ];
}
