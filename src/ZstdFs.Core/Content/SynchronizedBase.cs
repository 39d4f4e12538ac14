using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// The committed version on its way to the disk. What the disk refused of the version that was synchronised last is
/// written again. The caller holds the content's lock for committing.
/// </summary>
internal sealed class SynchronizedBase(ContentLock gate)
{
    private StoredBase? _base;
    private DurableFile? _durableBase;

    /// <summary>The version is on disk when it returns 0.</summary>
    internal int Synchronize(StoredBase current)
    {
        if (_base != current)
            (_base, _durableBase) =
                (current, new DurableFile(current.Stored, isWritable: current.IsWritable));
        int result = _durableBase!.Synchronize();
        if (result < 0)
        {
            gate.BecomeExclusive();
            _durableBase.Repeat();
            // Writing it again moved the modification time, by which the version is known.
            _ = SystemCallsFile.SetTimes(current.Stored, Timestamp.Omit, current.Identity.ModifyTime);
            gate.BecomeShared();
        }
        return result;
    }
}
