using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>
/// Where a working copy is: its name in <c>.zstdfs/working</c>, which tells the next mount what to do with it.
/// </summary>
internal sealed class WorkingCopyPlace(StateFolder state, WorkingName name)
{
    private bool _hasName = true;

    internal WorkingName Name { get; private set; } = name;

    /// <summary>It was synchronised: a power cut does not take it.</summary>
    internal bool IsDurable { get; private set; }

    /// <summary>The copy was removed.</summary>
    internal bool IsUnlinked { get; private set; }

    /// <summary>
    /// An earlier mount left it. After a crash the next mount discards copies of this mount only, so this one stays.
    /// </summary>
    internal void NoteLeft() => IsDurable = true;

    /// <summary>All of the copy is on disk: its name says so when this returns 0.</summary>
    internal int Synchronize()
    {
        if (IsDurable || !_hasName)
            return 0;
        // The first name says that a power cut may have left any part of the copy. It gets this one when all of it is
        // on disk.
        int result = Rename(Name with { IsSynchronized = true });
        if (result >= 0)
            result = SystemCallsFile.Synchronize(state.Working);
        IsDurable = result >= 0;
        return result;
    }

    /// <summary>Its file is about to get a name: the next mount must look for it.</summary>
    internal int NoteNamed()
    {
        int result = Rename(Name with { Role = WorkingRole.Copy });
        return result >= 0 && IsDurable ? SystemCallsFile.Synchronize(state.Working) : result;
    }

    /// <summary>Its file did not get the name.</summary>
    internal int NoteUnnamed() => Rename(Name with { Role = WorkingRole.UnnamedCopy });

    private int Rename(WorkingName next)
    {
        int result = SystemCallsAt.Rename(state.Working, new NativeName(Name.Terminated()),
            state.Working, new NativeName(next.Terminated()), 0);
        if (result >= 0)
            Name = next;
        return result;
    }

    /// <summary>No later mount looks for it: its file was deleted, or has its content.</summary>
    internal void Forget()
    {
        if (_hasName)
            IsUnlinked = state.RemoveWorkingFile(Name.Terminated());
        _hasName = false;
    }

    /// <summary>Keeps it where no mount touches it: it cannot be committed, and a user may want it.</summary>
    internal int MoveToLost() => MoveToLost(WorkingRemains.Move);

    /// <summary>
    /// The same, with the early frames beside it. What the disk refused of the copy counts as a hole, so the mount
    /// cannot tell where to put them into it.
    /// </summary>
    internal int MoveAsItIsToLost() => MoveToLost(WorkingRemains.MoveAsItIs);

    private int MoveToLost(Func<FileDescriptor, WorkingName, FileDescriptor, int> move)
    {
        int result = state.OpenLost(out FileDescriptor lost);
        if (result < 0)
            return result;
        using (lost)
            result = move(state.Working, Name, lost);
        _hasName = result < 0;
        return result;
    }
}
