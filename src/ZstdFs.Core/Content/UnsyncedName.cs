using ZstdFs.Core.State;
using ZstdFs.Core.WorkingCopies;

namespace ZstdFs.Core.Content;

/// <summary>
/// The newest version has the name, and its folder could not be synchronised: a power cut may give the name back to the
/// version before. What fsync confirmed is in the working copy, which therefore stays, noted as committed: a next mount
/// puts it over the version before where that has the name, and else removes it. No other commit of the file begins
/// until the folder is on disk.
/// </summary>
/// <param name="Error">Why it could not be synchronised, as −errno.</param>
internal sealed record UnsyncedName(int Error)
{
    /// <summary>The working copy. Null where it is lent to the kernel, and the content goes on with it.</summary>
    internal WorkingCopy? Copy { get; init; }

    /// <summary>The name is on disk, or the file lost it, and no mount will look for it.</summary>
    internal void Discard(StateFolder state)
    {
        if (Copy is null)
            return;
        state.RemoveWorkingFile(Copy.Id.OfEarlyFrames().Terminated());
        Copy.Discard();
    }
}
