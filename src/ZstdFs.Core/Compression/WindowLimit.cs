using System.Text;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// How frames are streamed: by which codec, and how much memory the window of one may take, which is what was allowed
/// and what the machine has left. Of windows beyond zstd's own default one frame at a time is measured. Thread-safe.
/// </summary>
internal sealed class WindowLimit
{
    /// <summary>What stock <c>zstd -d</c> accepts unasked.</summary>
    internal const long DefaultBytes = 128L << 20;

    /// <summary>What any zstd can be asked for.</summary>
    internal const long HighestBytes = 2L << 30;

    private readonly Lock _turn = new(); // held while a frame with a window beyond the default is measured
    private readonly Func<long> _availableBytes;

    /// <param name="codec">What decodes.</param>
    /// <param name="maxBytes">The largest window allowed.</param>
    /// <param name="availableBytes">Tells what memory the machine has left; null for the machine's own word.</param>
    internal WindowLimit(Codec codec, long maxBytes = DefaultBytes, Func<long>? availableBytes = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1L << StreamDecoder.LowestWindowLogMax);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBytes, HighestBytes);
        Codec = codec;
        MaxBytes = maxBytes;
        _availableBytes = availableBytes ?? AvailableMemory;
    }

    /// <summary>For a tool, which reads whatever zstd can, where the machine has the memory.</summary>
    internal static WindowLimit OfTools(Codec codec) => new(codec, HighestBytes);

    /// <summary>What decodes the frames.</summary>
    internal Codec Codec { get; }

    internal long MaxBytes { get; }

    /// <summary>A decoder that refuses larger windows than these.</summary>
    internal StreamDecoder NewDecoder() => new(Codec, MaxBytes);

    /// <summary>Throws unless a frame of this window may be decoded: <see cref="WindowTooLargeException"/>, or <see cref="DamagedFrameException"/> where no zstd could.</summary>
    internal void Require(long windowBytes, long storedOffset)
    {
        if (windowBytes <= DefaultBytes && windowBytes <= MaxBytes)
            return;
        long needed = Mebibytes(windowBytes);
        if (windowBytes > HighestBytes)
            throw new DamagedFrameException($"the frame asks for a window of {needed} MiB, which is more than zstd has", storedOffset);
        if (windowBytes > MaxBytes)
            throw new WindowTooLargeException($"intact; needs a window of {needed} MiB: --max-window={needed}M");
        if (_availableBytes() is var available && windowBytes > available)
            throw new WindowTooLargeException($"intact; needs a window of {needed} MiB, and this machine has {available >> 20} MiB of memory left");
    }

    /// <summary>To be held while a frame of this window is decoded from its beginning to its end.</summary>
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
        /// <summary>The next frame's turn.</summary>
        public void Dispose() => turn?.Exit();
    }

    private static long Mebibytes(long bytes) => (bytes >> 20) + (bytes % (1 << 20) == 0 ? 0 : 1);

    /// <summary>What the kernel would give without swapping, and the process may have.</summary>
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
            return count > 0 && TryParse(Encoding.ASCII.GetString(text[..count]), out long available) ? Math.Min(available, allowed) : allowed;
        }
    }

    private static bool TryParse(string memoryInfo, out long availableBytes)
    {
        const string Name = "MemAvailable:";
        availableBytes = 0;
        int at = memoryInfo.IndexOf(Name, StringComparison.Ordinal);
        int end = at < 0 ? -1 : memoryInfo.IndexOf(" kB", at, StringComparison.Ordinal);
        if (end < 0 || !long.TryParse(memoryInfo.AsSpan(at + Name.Length, end - at - Name.Length).Trim(), out long kibibytes))
            return false;
        availableBytes = kibibytes * 1024;
        return true;
    }
}
