using System.Collections.Concurrent;
using System.Text;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Core.Source;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Names;

/// <summary>Files that are looked for by their number in the whole source.</summary>
[CancelAfter(120_000)]
internal sealed class NumberWalkTests
{
    private const int Files = 40, Threads = 12, Rounds = 150;

    /// <summary>Each waits for a walk; other walks follow before it has read the answer.</summary>
    [Test]
    public void FilesLookedForAtTheSameTime_AreAllFound()
    {
        using var folder = new TestSource();
        for (int i = 0; i < Files; i++)
            folder.Write($"d{i % 3}/{i}.zst", []);
        folder.WithState((source, _) =>
        {
            using var inodes = new RecentInodes(0);
            var walk = new NumberWalk(source, inodes);
            var wrong = new ConcurrentQueue<string>();
            ulong[] numbers = [.. Enumerable.Range(0, Files).Select(i => NumberOf(source, $"d{i % 3}/{i}.zst"))];
            Thread[] threads = [.. Enumerable.Range(0, Threads).Select(seed => new Thread(() => LookFor(seed)))];
            foreach (Thread thread in threads)
                thread.Start();
            foreach (Thread thread in threads)
                thread.Join();
            Assert.That(wrong, Is.Empty);
            Assert.That(walk.Find(ulong.MaxValue), Is.Null);

            void LookFor(int seed)
            {
                var random = new Random(seed);
                for (int round = 0; round < Rounds; round++)
                {
                    int i = random.Next(Files);
                    string found = walk.Find(numbers[i]) is { } path ? Encoding.UTF8.GetString(path) : "nothing";
                    if (found != $"d{i % 3}/{i}")
                        wrong.Enqueue($"{i}: {found}");
                }
            }
        });
    }

    private static ulong NumberOf(SourceTree source, string path)
    {
        var name = new NativeName(Encoding.UTF8.GetBytes(path + "\0"));
        Assert.That(SystemCallsAt.Stat(source.Root, name, out Statx stat), Is.GreaterThanOrEqualTo(0));
        return source.Numbers.Of(stat);
    }
}
