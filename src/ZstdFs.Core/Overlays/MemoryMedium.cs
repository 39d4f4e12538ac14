using System.Numerics;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// A small file's whole content in memory, while programs edit it. The memory comes from a budget that all files share.
/// The content's lock guards it.
/// </summary>
internal sealed class MemoryMedium(StorageServices services, Overlay overlay) : OverlayMedium
{
    private const int SmallestBytes = 4096;

    private FrameBuffer? _buffer;
    private int _capacity;

    private bool IsUsed => _capacity > 0;

    /// <summary>The memory; zero behind the logical length. Empty where no memory is used.</summary>
    internal Span<byte> Content => _buffer is { } buffer ? buffer.AsSpan(_capacity) : default;

    internal override bool HasHoles => false;

    /// <summary>
    /// Makes room for <paramref name="size"/> bytes. At first use it reads <paramref name="length"/> bytes of the
    /// content below. False where the budget is used up.
    /// </summary>
    internal bool TryGrow(int size, int length, ReadBelow readBelow)
    {
        if (_capacity >= size && IsUsed)
            return true;
        int capacity = Math.Max(SmallestBytes, (int)BitOperations.RoundUpToPowerOf2((uint)size));
        if (!services.TryReserveBuffer(capacity - _capacity))
            return false;
        FrameBuffer rented = services.Codecs.Buffers.Rent(capacity);
        Span<byte> grown = rented.AsSpan(capacity);
        try
        {
            if (IsUsed)
                Content[..length].CopyTo(grown);
            else
                readBelow(0, grown[..length]);
        }
        catch
        {
            rented.Dispose();
            services.ReleaseBuffer(capacity - _capacity);
            throw;
        }
        grown[length..].Clear();
        _buffer?.Dispose();
        (_buffer, _capacity) = (rented, capacity);
        return true;
    }

    internal override int Read(long offset, Span<byte> destination)
    {
        overlay.BufferedContent.Slice((int)offset, destination.Length).CopyTo(destination);
        return 0;
    }

    internal override int Write(long offset, ReadOnlySpan<byte> data)
    {
        data.CopyTo(Content[(int)offset..]);
        return 0;
    }

    /// <summary>All of the range: in memory, zeros cost nothing.</summary>
    internal override bool TryPunch(long offset, long end, out long first, out long last)
    {
        Content[(int)offset..(int)end].Clear();
        (first, last) = (offset, end);
        return true;
    }

    internal override int Resize(long size, bool replaces)
    {
        if (size < overlay.LogicalBytes)
            Content[(int)size..(int)overlay.LogicalBytes].Clear();
        return 0;
    }

    internal void Release()
    {
        _buffer?.Dispose();
        services.ReleaseBuffer(_capacity);
        (_buffer, _capacity) = (null, 0);
    }
}
