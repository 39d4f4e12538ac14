namespace ZstdFs.Core.Compression.Cache;

/// <summary>
/// The sizes that native blocks come in: 4 KiB, 6 KiB, 8 KiB, 12 KiB … Of a block above 4 KiB at most a third is
/// unused, and a block given back fits the next caller.
/// </summary>
internal sealed class NativeBlockSizes
{
    private const int SmallestBytes = 4096;

    private readonly int[] _bytes;

    internal NativeBlockSizes(int largestBytes)
    {
        var sizes = new List<int>();
        for (int size = SmallestBytes; sizes.Count == 0 || sizes[^1] < largestBytes; size *= 2)
        {
            sizes.Add(size);
            if (size < largestBytes)
                sizes.Add(size + size / 2);
        }
        _bytes = [.. sizes];
    }

    internal int Count => _bytes.Length;

    /// <summary>Bytes of the blocks of a class.</summary>
    internal int this[int sizeClass] => _bytes[sizeClass];

    /// <summary>The smallest class of at least this many bytes; <see cref="Count"/> where there is none.</summary>
    internal int ClassOf(int bytes)
    {
        int index = Array.BinarySearch(_bytes, bytes);
        return index >= 0 ? index : ~index;
    }
}
