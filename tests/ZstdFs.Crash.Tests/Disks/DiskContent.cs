using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ZstdFs.Crash.Tests.Disks;

/// <summary>
/// A disk's content at the crash states of a recording, taken in their order, with a fingerprint that tells equal ones.
/// </summary>
internal sealed class DiskContent(byte[] start, IReadOnlyList<DiskEvent> events)
{
    private const int BlockBytes = 4096;

    private readonly byte[] _flushed = (byte[])start.Clone();
    private readonly ulong[] _fingerprints =
        [.. Enumerable.Range(0, start.Length / BlockBytes).Select(b => Fingerprint(start, b))];
    private int _flushedTo;

    /// <summary>Fills <paramref name="disk"/> with the state; the states' flushes must not go back.</summary>
    internal ulong Build(CrashState state, byte[] disk)
    {
        for (; _flushedTo < state.Flushed; _flushedTo++)
        {
            if (events[_flushedTo].Data is not { } data)
                continue;
            data.CopyTo(_flushed, events[_flushedTo].Offset);
            foreach (int block in Blocks(events[_flushedTo].Offset, data.Length))
                _fingerprints[block] = Fingerprint(_flushed, block);
        }
        _flushed.CopyTo(disk, 0);
        var touched = new HashSet<int>();
        foreach (int at in state.Written)
        {
            byte[] data = events[at].Data!;
            int length = state.TornAt > 0 && at == state.Written[^1] ? state.TornAt : data.Length;
            data.AsSpan(0, length).CopyTo(disk.AsSpan((int)events[at].Offset));
            touched.UnionWith(Blocks(events[at].Offset, length));
        }
        ulong sum = 0;
        for (int block = 0; block < _fingerprints.Length; block++)
            sum += touched.Contains(block) ? Fingerprint(disk, block) : _fingerprints[block];
        return sum;
    }

    private static IEnumerable<int> Blocks(long offset, int length) =>
        Enumerable.Range((int)(offset / BlockBytes),
            (int)((offset + length - 1) / BlockBytes - offset / BlockBytes) + 1);

    // Each block's hash is bound to its place, so that a sum tells arrangements apart.
    private static ulong Fingerprint(byte[] disk, int block)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(disk.AsSpan(block * BlockBytes, BlockBytes), hash);
        BinaryPrimitives.WriteInt64LittleEndian(hash[24..], block);
        Span<byte> bound = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(hash, bound);
        return BinaryPrimitives.ReadUInt64LittleEndian(bound);
    }
}
