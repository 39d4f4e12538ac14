namespace ZstdFs.Crash.Tests.Disks;

/// <summary>
/// The states that a power cut may leave on a disk with a volatile cache: everything before the last flush is there, of
/// what was written since any part, in any order; a write of several sectors may be torn between them.
/// </summary>
internal static class CrashStates
{
    // As of most disks sold since 2011. ext4 itself does not survive a superblock torn within its kilobyte.
    private const int SectorBytes = 4096;

    /// <summary>
    /// States after <paramref name="from"/>: for every moment all writes, each one missing, each one alone, and some
    /// random choices.
    /// </summary>
    internal static List<CrashState> Of(IReadOnlyList<DiskEvent> events, int from, Random chance)
    {
        var states = new List<CrashState>();
        int flushed = 0;
        for (int at = 0; at < events.Count; at++)
        {
            if (events[at].IsFlush)
            {
                if (at >= from)
                    AddStates(states, events, flushed, at, chance);
                flushed = at + 1;
            }
        }
        AddStates(states, events, flushed, events.Count, chance);
        return states;
    }

    /// <summary>States between two flushes.</summary>
    private static void AddStates(List<CrashState> states, IReadOnlyList<DiskEvent> events, int first, int end,
        Random chance)
    {
        int[] all = [.. Enumerable.Range(first, end - first)];
        for (int count = 0; count <= all.Length; count++)
        {
            states.Add(new CrashState(first + count, first, all[..count], 0));
            if (count == 0)
                continue;
            if (events[all[count - 1]].Data!.Length > SectorBytes)
                states.Add(new CrashState(first + count, first, all[..count],
                    chance.Next(1, events[all[count - 1]].Data!.Length / SectorBytes) * SectorBytes));
        }
        if (all.Length < 2)
            return;
        foreach (int one in all)
        {
            states.Add(new CrashState(end, first, [one], 0));
            states.Add(new CrashState(end, first, [.. all.Where(e => e != one)], 0));
        }
        for (int i = 0; i < all.Length; i++)
            states.Add(new CrashState(end, first, [.. all.Where(_ => chance.Next(2) == 0)], 0));
    }
}
