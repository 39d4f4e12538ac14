using ZstdFs.Core.Content;
using ZstdFs.Core.Overlays;
using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.OpenFiles;

/// <summary>Lends working copies to the kernel, which then serves their files by itself.</summary>
internal sealed class Passthrough(BackingFiles files)
{
    private volatile bool _isRefused;

    /// <summary>
    /// Lends a content that no program has open, where no thread writes or commits at this moment. Returns the kernel's
    /// number of the working copy; 0 where it is not lent.
    /// </summary>
    /// <param name="content">What is about to be opened. The caller keeps other opens out meanwhile.</param>
    /// <param name="present">The number that it has already; 0 where none.</param>
    /// <param name="mayBegin">It may be lent, where it is not lent already, as after a crash.</param>
    /// <param name="toWrite">It will be written to.</param>
    internal int Lend(FileContent content, int present, bool mayBegin, bool toWrite)
    {
        // Commits and writers wait.
        using ContentLock.Scope locked = content.Lock.TryCommitting(out bool isFree);
        Lending lending = content.Lending;
        if (!isFree)
            return present;
        lending.ForgetWriters();
        if (present != 0 && lending.IsUnderWay)
            return present;
        if (_isRefused || !lending.IsUnderWay && !(mayBegin && lending.CanBegin(toWrite)))
            return 0;
        int id = files.Open(content.Working!.File);
        if (id <= 0)
        {
            // The daemon has no right to lend, or not on this file system: the kernel would refuse the next one too.
            _isRefused |= id is -(int)Errno.EPERM or -(int)Errno.ELOOP or -(int)Errno.EOPNOTSUPP or -(int)Errno.ENOTTY;
            return 0;
        }
        if (lending.IsUnderWay || lending.TryBegin())
            return id;
        _ = files.Close(id);
        return 0;
    }

    /// <summary>The kernel needs this number no more.</summary>
    internal void Close(int id)
    {
        if (id != 0)
            _ = files.Close(id);
    }
}
