namespace ZstdFs.Crash.Tests.Disks;

/// <summary>What a power cut may leave on the disk.</summary>
/// <param name="Moment">Events that had happened when the power went.</param>
/// <param name="Flushed">Events whose writes are all there: those before the last flush.</param>
/// <param name="Written">Which of the writes in between are there too, by event.</param>
/// <param name="TornAt">The last of them ends after this many bytes; 0 where it is whole.</param>
internal sealed record CrashState(int Moment, int Flushed, int[] Written, int TornAt);
