using ZstdFs.Core.Inodes;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// The flags of a stored file that is about to be replaced. The next version gets those that are about the file, and
/// not about how it is stored.
/// </summary>
internal readonly record struct ReplacedFlags(int Result, uint Flags, bool AppendsOnly)
{
    private const uint Kept = InodeFlags.Harmless | InodeFlags.AppendOnly;

    /// <summary>Called before the stored file is replaced: an append-only one loses its mark for that moment.</summary>
    internal static ReplacedFlags Lift(StateFolder state, Node node, FileDescriptor old, in Statx oldStat)
    {
        if (InodeFlags.Get(old, out uint flags) < 0)
            return default;
        bool appendsOnly = oldStat.IsAppendOnly;
        return new ReplacedFlags(
            appendsOnly ? AppendOnlyMark.Lift(state, node, old) : 0, flags & Kept, appendsOnly);
    }

    /// <summary>Called after that. A file that was not replaced gets its append-only mark back.</summary>
    internal void PutBack(StateFolder state, Node node, FileDescriptor old, FileDescriptor next, bool isReplaced)
    {
        if (Flags == 0 || !isReplaced && !AppendsOnly)
            return;
        FileDescriptor holder = isReplaced ? next : old;
        bool isSet = InodeFlags.Get(holder, out uint own) >= 0 && InodeFlags.Set(holder, own | Flags) >= 0;
        if (AppendsOnly && isSet)
            AppendOnlyMark.Forget(state, node.Id);
    }
}
