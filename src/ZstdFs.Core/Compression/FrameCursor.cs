using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// A place in a frame that is decoded as a stream. Going on from it costs what is decoded; going back, or going on after the budget has
/// taken the decoder away, begins at the frame's beginning. One thread at a time; only <see cref="StreamBudget"/> may come from another.
/// </summary>
internal sealed class FrameCursor(FileDescriptor stored, FrameExtent extent, StreamBudget budget) : IDisposable
{
    private const int SkipBytes = 256 * 1024;

    private StreamDecoder? _decoder;
    private FrameStream? _source;
    private long _position;

    /// <summary>What the frame's header asks for; 0 before the first read.</summary>
    internal long WindowBytes { get; private set; }

    // Guarded by the budget's lock.
    internal bool IsBusy;
    internal bool IsCounted;
    internal LinkedListNode<FrameCursor>? Age;

    /// <summary>
    /// Fills <paramref name="content"/> from that offset within the frame. The read that reaches the frame's last byte has its checksum
    /// verified too. Throws an <see cref="UndecodableException"/>.
    /// </summary>
    internal void Read(long within, Span<byte> content)
    {
        if (WindowBytes == 0)
            WindowBytes = Math.Max(1, FrameStream.RequireWindow(stored, extent.StoredOffset, extent.StoredBytes, budget.Windows));
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
            // The decoder is in an unknown state: the next read has to begin anew.
            ReleaseDecoder();
            throw;
        }
        finally
        {
            budget.Leave(this);
        }
    }

    public void Dispose() => budget.Remove(this);

    /// <summary>Frees the decoder. Called by the budget while nobody reads.</summary>
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
