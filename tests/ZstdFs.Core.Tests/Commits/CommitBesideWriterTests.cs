using System.Diagnostics;
using System.Security.Cryptography;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Commits;

/// <summary>A large file that is opened, appended to and closed all the time, while its commits run.</summary>
internal sealed class CommitBesideWriterTests
{
    private const int InitialBytes = 48 * 1024 * 1024;
    /// <summary>
    /// A file that is changed a little at a time is stored once a minute at least; a loaded machine takes its time.
    /// </summary>
    private static readonly TimeSpan LongestUntilCommitted = TimeSpan.FromMinutes(2);

    [Test]
    [CancelAfter(300_000)]
    public void FileThatIsAppendedToAllTheTime_IsCommittedMeanwhile_AndNothingIsLost()
    {
        using var source = new MountedSource();
        string file = Path.Combine(source.Mount, "log"), stored = Path.Combine(source.Source, "log.zst");
        using var written = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] initial = new byte[InitialBytes], piece = new byte[4096];
        // Half of it random, so that a commit has something to write.
        new Random(1).NextBytes(initial.AsSpan(0, InitialBytes / 2));
        File.WriteAllBytes(file, initial);
        written.AppendData(initial);
        source.Synchronize();

        long first = new FileInfo(stored).Length, start = Stopwatch.GetTimestamp();
        int pieces = 0;
        TimeSpan longest = TimeSpan.Zero;
        while (new FileInfo(stored).Length == first && Stopwatch.GetElapsedTime(start) < LongestUntilCommitted)
        {
            Array.Fill(piece, (byte)++pieces);
            long begin = Stopwatch.GetTimestamp();
            using (var append = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, 0))
                append.Write(piece);
            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, Stopwatch.GetElapsedTime(begin).Ticks));
            written.AppendData(piece);
            Thread.Sleep(5);
        }
        TestContext.Out.WriteLine(
            $"{pieces} appends until the commit after {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s, the longest "
            + $"{longest.TotalMilliseconds:F1} ms");
        Assert.That(new FileInfo(stored).Length, Is.Not.EqualTo(first), "it was not committed while it was written to");
        byte[] expected = written.GetHashAndReset();
        Assert.That(SHA256.HashData(File.ReadAllBytes(file)), Is.EqualTo(expected));
        source.Remount();
        Assert.That(SHA256.HashData(File.ReadAllBytes(file)), Is.EqualTo(expected));
        Assert.That(source.Log, Is.Empty);
    }
}
