using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// A place in a frame that is decoded as a stream. A read further on decodes only what lies between. A read further
/// back decodes from the frame's beginning, and so does a read after the budget has taken the decoder away. One thread
/// at a time; only <see cref="StreamBudget"/> may come from another.
/// </summary>
internal sealed class FrameCursor(FileDescriptor stored, FrameExtent extent, StreamBudget budget) : IDisposable
{
    private const int SkipBytes = 256 * 1024;

    private StreamDecoder? _decoder;
    private FrameStream? _source;
    private long _position;

    /// <summary>The window that the frame's header asks for, at least 1; 0 before the first read.</summary>
    internal long WindowBytes { get; private set; }

    // Guarded by the budget's lock.
    internal bool IsBusy;
    internal bool IsCounted;
    internal LinkedListNode<FrameCursor>? Age;

    /// <summary>
    /// Fills <paramref name="content"/> from that offset within the frame. A read that reaches the frame's last byte
    /// verifies the frame's checksum too. Throws an <see cref="UndecodableException"/>.
    /// </summary>
    internal void Read(long within, Span<byte> content)
    {
        if (WindowBytes == 0)
            WindowBytes = Math.Max(
                1, FrameStream.RequireWindow(stored, extent.StoredOffset, extent.StoredBytes, budget.Windows));
        budget.Enter(this);
        try
        {
            if (_source is null || _position > within)
                Restart();
            Skip(within);
            Decode(content);
            if (_position == extent.LogicalBytes)
                RequireEnd();
        }
        catch
        {
            // The decoder is in an unknown state: the next read must begin anew.
            ReleaseDecoder();
            throw;
        }
        finally
        {
            budget.Leave(this);
        }
    }

    public void Dispose() => budget.Remove(this);

    /// <summary>Frees the decoder. The budget calls it while no thread reads.</summary>
    internal void ReleaseDecoder()
    {
        _source?.Dispose();
        _decoder?.Dispose();
        _source = null;
        _decoder = null;
        _position = 0;
    }

    private void Restart()
    {
        ReleaseDecoder();
        _decoder = budget.Windows.NewDecoder();
        _source = new FrameStream(stored, extent.StoredOffset, extent.StoredBytes, _decoder);
    }

    private void Skip(long within)
    {
        if (_position == within)
            return;
        byte[] scratch = ArrayPool<byte>.Shared.Rent(SkipBytes);
        try
        {
            while (_position < within)
                Decode(scratch.AsSpan(0, (int)Math.Min(SkipBytes, within - _position)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    private void Decode(Span<byte> content)
    {
        if (_source!.Read(content) != content.Length)
            throw new DamagedFrameException("the frame's content is shorter than it should be", extent.StoredOffset);
        _position += content.Length;
    }

    private void RequireEnd()
    {
        Span<byte> none = stackalloc byte[1];
        if (_source!.Read(none) != 0)
            throw new DamagedFrameException("the frame's content is longer than it should be", extent.StoredOffset);
    }
}
