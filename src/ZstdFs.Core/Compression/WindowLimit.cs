using System.Text;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// How frames are streamed: by which codec, and how much memory the window of one may take. The limit is the window
/// allowed, and beyond zstd's own default also the memory that the machine has left. Of frames with windows beyond that
/// default, one at a time is measured. Thread-safe.
/// </summary>
internal sealed class WindowLimit
{
    /// <summary>The largest window that stock <c>zstd -d</c> accepts without an option.</summary>
    internal const long DefaultBytes = 128L << 20;

    /// <summary>The largest window that any zstd can be told to accept.</summary>
    internal const long HighestBytes = 2L << 30;

    private readonly Lock _turn = new(); // held while a frame with a window beyond the default is measured
    private readonly Func<long> _availableBytes;

    /// <param name="codec">What decodes.</param>
    /// <param name="maxBytes">The largest window allowed.</param>
    /// <param name="availableBytes">Tells what memory the machine has left; null to ask the machine.</param>
    internal WindowLimit(Codec codec, long maxBytes = DefaultBytes, Func<long>? availableBytes = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1L << StreamDecoder.LowestWindowLogMax);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBytes, HighestBytes);
        Codec = codec;
        MaxBytes = maxBytes;
        _availableBytes = availableBytes ?? AvailableMemory;
    }

    /// <summary>For a tool. It reads any window that zstd can, where the machine has the memory.</summary>
    internal static WindowLimit OfTools(Codec codec) => new(codec, HighestBytes);

    /// <summary>What decodes the frames.</summary>
    internal Codec Codec { get; }

    internal long MaxBytes { get; }

    /// <summary>A decoder that refuses windows beyond <see cref="MaxBytes"/>.</summary>
    internal StreamDecoder NewDecoder() => new(Codec, MaxBytes);

    /// <summary>
    /// Throws unless a frame of this window may be decoded: <see cref="WindowTooLargeException"/>, or
    /// <see cref="DamagedFrameException"/> where no zstd could decode it.
    /// </summary>
    internal void Require(long windowBytes, long storedOffset)
    {
        if (windowBytes <= DefaultBytes && windowBytes <= MaxBytes)
            return;
        long needed = Mebibytes(windowBytes);
        if (windowBytes > HighestBytes)
            throw new DamagedFrameException(
                $"the frame asks for a window of {needed} MiB, which is more than zstd has", storedOffset);
        if (windowBytes > MaxBytes)
            throw new WindowTooLargeException($"intact; needs a window of {needed} MiB: --max-window={needed}M");
        if (_availableBytes() is var available && windowBytes > available)
            throw new WindowTooLargeException(
                $"intact; needs a window of {needed} MiB, and this machine has {available >> 20} MiB of memory left");
    }

    /// <summary>The caller holds it while it decodes a frame of this window from beginning to end.</summary>
    internal Turn Take(long windowBytes)
    {
        if (windowBytes <= DefaultBytes)
            return default;
        _turn.Enter();
        return new Turn(_turn);
    }

    /// <summary>What <see cref="Take"/> gives.</summary>
    internal readonly struct Turn(Lock? turn) : IDisposable
    {
        /// <summary>Lets the next frame have its turn.</summary>
        public void Dispose() => turn?.Exit();
    }

    private static long Mebibytes(long bytes) => (bytes >> 20) + (bytes % (1 << 20) == 0 ? 0 : 1);

    /// <summary>Memory that the kernel can give without swapping, and that the process may have.</summary>
    private static long AvailableMemory()
    {
        long allowed = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (allowed <= 0)
            allowed = long.MaxValue;
        if (SystemCallsAt.Open(new NativeName("/proc/meminfo\0"u8), OpenFlags.ReadOnly, out FileDescriptor file) < 0)
            return allowed;
        using (file)
        {
            Span<byte> text = stackalloc byte[512];
            int count = SystemCallsFile.Read(file, 0, text);
            return count > 0 && TryParse(Encoding.ASCII.GetString(text[..count]), out long available)
                ? Math.Min(available, allowed)
                : allowed;
        }
    }

    private static bool TryParse(string memoryInfo, out long availableBytes)
    {
        const string Name = "MemAvailable:";
        availableBytes = 0;
        int at = memoryInfo.IndexOf(Name, StringComparison.Ordinal);
        int end = at < 0 ? -1 : memoryInfo.IndexOf(" kB", at, StringComparison.Ordinal);
        if (end < 0
            || !long.TryParse(memoryInfo.AsSpan(at + Name.Length, end - at - Name.Length).Trim(), out long kibibytes))
            return false;
        availableBytes = kibibytes * 1024;
        return true;
    }
}
