using System.Diagnostics;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Models;

/// <summary>
/// Random sequences of ops on several files through several handles, with remounts, kills and syncs in between: every
/// step gives the same result in the mount as in a plain folder. A sequence that differs is shortened until every step
/// of it is needed.
/// </summary>
internal sealed class ModelTests
{
    private const int StepsOfASequence = 4000;

    [Test]
    [CancelAfter(120_000)]
    public void RandomSteps_DoWhatTheyDoInAPlainFolder() => Compare(2 * StepsOfASequence, 1);

    [Test]
    [Category("Long")]
    public void MillionRandomSteps_DoWhatTheyDoInAPlainFolder() => Compare(1_000_000, Environment.TickCount);

    private static void Compare(int steps, int seed)
    {
        TestContext.Out.WriteLine($"seed {seed}");
        long start = Stopwatch.GetTimestamp();
        for (int done = 0; done < steps; done += StepsOfASequence, seed++)
        {
            List<ModelStep> sequence = Sequence(seed);
            if (FindDifference(sequence) is not { } difference)
                continue;
            List<ModelStep> shortest = Shorten(sequence[..(difference.At + 1)]);
            Assert.Fail(
                $"seed {seed}: {FindDifference(shortest)?.Text ?? difference.Text}\n{string.Join('\n', shortest)}");
        }
        TestContext.Out.WriteLine(
            $"{steps} steps in {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s without a difference");
    }

    private static List<ModelStep> Sequence(int seed)
    {
        var chance = new Random(seed);
        var steps = new List<ModelStep>();
        for (int i = 0, since = 0; i < StepsOfASequence; i++)
        {
            steps.Add(ModelStep.Next(chance, since++));
            if (steps[^1].Op >= ModelOp.SyncMount)
                since = 0;
        }
        return steps;
    }

    private sealed record Difference(int At, string Text);

    private static Difference? FindDifference(List<ModelStep> steps)
    {
        using MountedFolder folder = MountedFolder.Create();
        string plainRoot = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "plain");
        Directory.CreateDirectory(plainRoot);
        using var mounted = new ModelFolder(folder.Mount);
        using var plain = new ModelFolder(plainRoot);
        for (int i = 0; i < steps.Count; i++)
        {
            ModelStep step = steps[i];
            if (step.Op >= ModelOp.SyncMount)
                Interrupt(folder, step.Op, mounted, plain);
            bool isWhole = step.Op >= ModelOp.SyncMount || i == steps.Count - 1;
            string expected = isWhole ? plain.Run(step) + plain.DescribeAll()
                : $"{plain.Run(step)} {plain.Describe(step.Name)} {plain.Describe(step.Other)}";
            string found = isWhole ? mounted.Run(step) + mounted.DescribeAll()
                : $"{mounted.Run(step)} {mounted.Describe(step.Name)} {mounted.Describe(step.Other)}";
            if (found != expected)
                return new Difference(i,
                    $"step {i}, {step}: {found}\n, and in a plain folder {expected}\n{folder.Log}");
        }
        return null;
    }

    private static void Interrupt(MountedFolder folder, ModelOp op, ModelFolder mounted, ModelFolder plain)
    {
        if (op == ModelOp.SyncMount)
        {
            Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero, () => folder.Log);
            return;
        }
        mounted.CloseAll();
        plain.CloseAll();
        if (op == ModelOp.Remount)
            folder.Remount();
        else
        {
            folder.Crash();
            folder.Start();
        }
    }

    /// <summary>Leaves steps out, ever smaller runs of them, as long as there is a difference.</summary>
    private static List<ModelStep> Shorten(List<ModelStep> steps)
    {
        long start = Stopwatch.GetTimestamp();
        for (int run = steps.Count / 2; run > 0; run /= 2)
        {
            for (int at = 0; at + run <= steps.Count && Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1);)
            {
                List<ModelStep> fewer = [.. steps[..at], .. steps[(at + run)..]];
                if (FindDifference(fewer) is { } difference)
                    steps = fewer[..(difference.At + 1)];
                else
                    at += run;
            }
        }
        return steps;
    }
}
