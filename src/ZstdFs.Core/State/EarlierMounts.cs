using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>
/// What <c>.zstdfs/state</c> tells of the mounts before this one, by their numbers: which of them wrote what the disk
/// may not have, and which may have died in the middle of writing it.
/// </summary>
internal sealed class EarlierMounts(in StateRecord record)
{
    private readonly StateRecord _record = record;

    /// <summary>
    /// A record with this epoch was written before a crash of the machine; the content may be missing.
    /// </summary>
    internal bool IsSuspect(uint epoch) => epoch != 0 && epoch >= _record.SuspectFrom && epoch <= _record.SuspectTo;

    /// <summary>
    /// The daemon that wrote records with this epoch may have died while it wrote a new file's first content. It wrote
    /// nothing after the next mount began.
    /// </summary>
    internal bool MayHaveCutOff(uint epoch, Timestamp written) =>
        MayHaveCutOff(epoch) && written.Seconds < _record.InterruptedUntil;

    /// <summary>The same for a file that was not written to since.</summary>
    internal bool MayHaveCutOff(uint epoch) =>
        epoch != 0 && _record.InterruptedFrom != 0 && epoch >= _record.InterruptedFrom || IsSuspect(epoch);

    /// <summary>
    /// Reads the state for a mount that does not write to the source. Null where there is none that can be read.
    /// </summary>
    internal static EarlierMounts? Read(SourceTree source)
    {
        if (source.OpenListing(source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder) < 0)
            return null;
        using (folder)
        {
            if (source.OpenRead(folder, new NativeName("state\0"u8), out FileDescriptor file) < 0)
                return null;
            using (file)
            {
                Span<byte> bytes = stackalloc byte[StateRecord.Bytes];
                int length = SystemCallsFile.Read(file, 0, bytes);
                if (length <= 0 || !bytes[..length].ContainsAnyExcept((byte)0) || BootId.TryRead(out Guid boot) < 0)
                    return null;
                try
                {
                    StateRecord record = StateRecord.Read(bytes[..length]);
                    // A mount that lives has already noted those before it, and goes on with its own files.
                    if (!LockHolder.IsHeld(folder, new NativeName("lock\0"u8)))
                        record.BeginEpoch(boot, Timestamp.Now());
                    return new EarlierMounts(record);
                }
                catch (SourceException)
                {
                    return null;
                }
            }
        }
    }
}
