using ZstdFs.Core.Overlays;
using ZstdFs.Core.StoredFiles;

namespace ZstdFs.Core.Content;

/// <summary>Appends a range of one file to another as whole stored frames, without decoding them.</summary>
internal static class FrameTaking
{
    /// <summary>A shorter copy is decoded and compressed in less time than it takes to make files for it.</summary>
    private const long LeastBytes = 2 * 1024 * 1024;

    /// <summary>
    /// Takes what it can: frames that are cut at the same places in both files, and that no write to the other file has
    /// changed. Returns how many bytes it took, 0 where it can take no frame, or −errno.
    /// </summary>
    /// <param name="services">Shared services.</param>
    /// <param name="from">The file that is read.</param>
    /// <param name="offsetIn">Where the range begins in it.</param>
    /// <param name="to">The file that is written.</param>
    /// <param name="offsetOut">Where the range begins there: frames are taken at the end only.</param>
    /// <param name="length">Length of the range.</param>
    internal static long Take(
        StorageServices services, FileContent from, long offsetIn, FileContent to, long offsetOut, long length)
    {
        int frameBytes = services.Options.FrameBytes;
        if (to.Marks.IsImmutable || length < LeastBytes || offsetIn % frameBytes != 0 || offsetOut % frameBytes != 0)
            return 0;
        // Two copies in opposite directions must not wait for each other: the lower number goes first. An outdated
        // content and the current one of the same file have one number, and so no order.
        if (from.Node.Id == to.Node.Id)
            return 0;
        // The reader's lock keeps a commit from rewriting the frames in place.
        bool isFirst = from.Node.Id < to.Node.Id;
        using ContentLock.Scope first = isFirst ? from.Lock.Reading() : to.Lock.Writing();
        using ContentLock.Scope second = isFirst ? to.Lock.Writing() : from.Lock.Reading();
        from.Overlay.Load();
        var extents = new OverlayExtents(from.Overlay);
        if (!extents.HasReusableFrames(frameBytes) || services.State is null)
            return 0;
        long end = Math.Min(offsetIn + length, from.LogicalBytes);
        int firstFrame = (int)(offsetIn / frameBytes),
            count = extents.CountUntouchedFrames(offsetIn, from.LogicalBytes, frameBytes, int.MaxValue);
        // Of a range that ends within a frame, take the frames before that one.
        if (end < from.LogicalBytes)
            count = (int)Math.Min(count, (end - offsetIn) / frameBytes);
        if (count * (long)frameBytes < LeastBytes)
            return 0;
        to.Overlay.Load();
        if (to.LogicalBytes != offsetOut)
            return 0;
        long taken = to.Overlay.TakeFrames(from.Overlay.Lower, firstFrame, firstFrame + count);
        return taken < 0 ? to.Refused.Note((int)taken, offsetOut, offsetOut + length) : taken;
    }
}
