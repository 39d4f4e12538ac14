using System.Buffers.Binary;
using System.Numerics;

namespace ZstdFs.Core.KernelCache;

/// <summary>
/// Where a name stands in the listings of its folder: at a hash of the name, as on ext4. Neither a commit nor a rename
/// over the name moves it, whatever the source's own listing does. A listing that goes on at a position, in another
/// open of the folder or after a remount, goes on at the same name. The hash is SipHash-1-3, keyed with the source's
/// id, so that no user can make names whose hashes meet.
/// </summary>
internal readonly struct ListingOrder
{
    /// <summary>Positions of "." and ".."; names stand behind them.</summary>
    internal const ulong Self = 1, Parent = 2;

    private readonly ulong _key0, _key1;

    internal ListingOrder(Guid source)
    {
        Span<byte> key = stackalloc byte[16];
        source.TryWriteBytes(key);
        (_key0, _key1) =
            (BinaryPrimitives.ReadUInt64LittleEndian(key), BinaryPrimitives.ReadUInt64LittleEndian(key[8..]));
    }

    /// <summary>
    /// Position of a logical name, above <see cref="Parent"/> and below 2^63: the kernel's offsets have a sign.
    /// </summary>
    internal ulong PositionOf(ReadOnlySpan<byte> name) => (Hash(name) >> 2) + Parent + 1;

    private ulong Hash(ReadOnlySpan<byte> name)
    {
        ulong v0 = _key0 ^ 0x736f_6d65_7073_6575, v1 = _key1 ^ 0x646f_7261_6e64_6f6d,
            v2 = _key0 ^ 0x6c79_6765_6e65_7261, v3 = _key1 ^ 0x7465_6462_7974_6573;
        ulong last = (ulong)name.Length << 56;
        for (; name.Length >= sizeof(ulong); name = name[sizeof(ulong)..])
            Absorb(BinaryPrimitives.ReadUInt64LittleEndian(name), ref v0, ref v1, ref v2, ref v3);
        for (int i = 0; i < name.Length; i++)
            last |= (ulong)name[i] << 8 * i;
        Absorb(last, ref v0, ref v1, ref v2, ref v3);
        v2 ^= 0xff;
        for (int i = 0; i < 3; i++)
            Round(ref v0, ref v1, ref v2, ref v3);
        return v0 ^ v1 ^ v2 ^ v3;
    }

    private static void Absorb(ulong word, ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v3 ^= word;
        Round(ref v0, ref v1, ref v2, ref v3);
        v0 ^= word;
    }

    private static void Round(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v0 += v1;
        v2 += v3;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 = BitOperations.RotateLeft(v0, 32) + v3;
        v2 += v1;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v2 = BitOperations.RotateLeft(v2, 32);
    }
}
