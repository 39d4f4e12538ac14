using System.Buffers;
using System.Numerics;

namespace ZstdFs.Core.Content;

/// <summary>A small file's whole content in memory, while it is edited. Taken from a budget that all files share. Not synchronised: the content's lock is.</summary>
internal sealed class ContentBuffer(ContentServices services)
{
    private const int SmallestBytes = 4096;

    private byte[]? _bytes;
    private int _reserved;

    internal bool IsUsed => _bytes is not null;

    /// <summary>The memory; zero behind the logical length.</summary>
    internal Span<byte> Content => _bytes;

    /// <summary>Makes room for <paramref name="size"/> bytes; at first use reads <paramref name="length"/> bytes of what is below. False where the budget is used up.</summary>
    internal bool TryGrow(int size, int length, ReadBelow readBelow)
    {
        if (_bytes is not null && _bytes.Length >= size)
            return true;
        int capacity = Math.Max(SmallestBytes, (int)BitOperations.RoundUpToPowerOf2((uint)size));
        if (!services.TryReserveBuffer(capacity - _reserved))
            return false;
        byte[] grown = ArrayPool<byte>.Shared.Rent(capacity);
        try
        {
            if (_bytes is null)
                readBelow(0, grown.AsSpan(0, length));
            else
                _bytes.AsSpan(0, length).CopyTo(grown);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(grown);
            services.ReleaseBuffer(capacity - _reserved);
            throw;
        }
        grown.AsSpan(length).Clear();
        if (_bytes is not null)
            ArrayPool<byte>.Shared.Return(_bytes);
        (_bytes, _reserved) = (grown, capacity);
        return true;
    }

    internal void Resize(int oldLength, int newLength)
    {
        if (newLength < oldLength)
            _bytes.AsSpan(newLength, oldLength - newLength).Clear();
    }

    internal void Release()
    {
        if (_bytes is null)
            return;
        ArrayPool<byte>.Shared.Return(_bytes);
        services.ReleaseBuffer(_reserved);
        (_bytes, _reserved) = (null, 0);
    }
}
