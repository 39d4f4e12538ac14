using System.Buffers.Binary;

namespace ZstdFs.Core.Tests.Fuzzing;

/// <summary>Makes hostile inputs of good ones. The same seed makes the same.</summary>
internal sealed class Mutator(IReadOnlyList<byte[]> seeds, int seed)
{
    private const int LongestBytes = 256 * 1024;

    private static readonly ulong[] Telling = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, ulong.MaxValue];

    private readonly Random _chance = new(seed);

    internal byte[] Next()
    {
        byte[] input = [.. seeds[_chance.Next(seeds.Count)]];
        for (int i = _chance.Next(1, 6); i > 0; i--)
            input = Change(input);
        return input.Length > LongestBytes ? input[..LongestBytes] : input;
    }

    private byte[] Change(byte[] input)
    {
        if (input.Length == 0)
            return [(byte)_chance.Next(256)];
        int at = Place(input.Length), length = _chance.Next(1, Math.Min(64, input.Length - at) + 1);
        switch (_chance.Next(9))
        {
            case 0: input[at] ^= (byte)(1 << _chance.Next(8)); return input;
            case 1: input[at] = (byte)_chance.Next(256); return input;
            case 2: _chance.NextBytes(input.AsSpan(at, length)); return input;
            case 3: input.AsSpan(at, length).Fill(_chance.Next(2) == 0 ? (byte)0 : (byte)0xFF); return input;
            case 4: return [.. input[..at], .. input[(at + length)..]];
            case 5: return [.. input[..at], .. input.AsSpan(at, length), .. input[at..]];
            case 6: return input[..at];
            case 7:
                byte[] other = seeds[_chance.Next(seeds.Count)];
                return [.. input[..at], .. other[(other.Length == 0 ? 0 : Place(other.Length))..]];
            default:
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, Telling[_chance.Next(Telling.Length)]);
                number[..Math.Min(1 << _chance.Next(4), input.Length - at)].CopyTo(input.AsSpan(at));
                return input;
        }
    }

    // Headers and seek tables lie at the ends.
    private int Place(int length) => _chance.Next(4) switch
    {
        0 => _chance.Next(Math.Min(length, 24)),
        1 => Math.Max(0, length - 1 - _chance.Next(Math.Min(length, 48))),
        _ => _chance.Next(length),
    };
}
