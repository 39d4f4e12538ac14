namespace ZstdFs.Mount.Tests.Harness;

/// <summary>How long a test waits before it takes something for hung.</summary>
internal static class Patience
{
    private static readonly TimeSpan Enough = TimeSpan.FromMinutes(5);

    /// <summary>
    /// A limit is given for a quiet machine. On a loaded one a disk alone may stand still for a minute, and a test must
    /// not fail by that: it waits four times as long, but not longer than five minutes unless it was given longer.
    /// </summary>
    internal static TimeSpan For(TimeSpan quiet)
    {
        TimeSpan loaded = quiet * 4;
        return loaded <= Enough ? loaded : quiet > Enough ? quiet : Enough;
    }
}
