using ZstdFs.Linux;

namespace ZstdFs.Core.OpenFiles;

/// <summary>What an open handle takes of its user's share.</summary>
/// <param name="User">The user that opened it.</param>
/// <param name="Descriptors">Descriptors that it may come to need.</param>
internal readonly record struct HandleShare(uint User, int Descriptors);

/// <summary>
/// Divides the descriptors that the process may have open. Handles do not get all of them: without one left, the daemon
/// could commit nothing that was written. And where a mount has several users, no user gets all that handles may have.
/// </summary>
/// <param name="descriptors">What the process may have.</param>
/// <param name="owner">The user that the daemon runs as. This user and root are not limited to a share.</param>
internal sealed class HandleShares(long descriptors, uint owner)
{
    /// <summary>Kept for open folders, working copies and commits.</summary>
    private const int Kept = 1024;

    /// <summary>One more to write: the working copy.</summary>
    internal const int ToRead = 1, ToWrite = 2;

    private readonly long _most = descriptors - Math.Min(Kept, descriptors / 2);

    private readonly Lock _gate = new(); // guards what follows
    private readonly Dictionary<uint, long> _taken = [];
    private long _all;

    /// <summary>0, or −ENFILE where there are too many handles.</summary>
    internal int Take(uint user, int count, out HandleShare share)
    {
        share = new HandleShare(user, count);
        lock (_gate)
        {
            long own = _taken.GetValueOrDefault(user);
            bool isPrivileged = user == 0 || user == owner;
            if (_all + count > _most || !isPrivileged && own + count > _most / 2)
                return -(int)Errno.ENFILE;
            _taken[user] = own + count;
            _all += count;
            return 0;
        }
    }

    /// <summary>A handle is closed: its user may open another.</summary>
    internal void GiveBack(in HandleShare share)
    {
        if (share.Descriptors == 0)
            return;
        lock (_gate)
        {
            _all -= share.Descriptors;
            long own = _taken[share.User] -= share.Descriptors;
            if (own == 0)
                _taken.Remove(share.User);
        }
    }
}
