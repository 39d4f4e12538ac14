using System.Diagnostics;
using ZstdFs.Core.Tests.Fuzzing;
using ZstdFs.Fuse.Session;

namespace ZstdFs.Fuse.Tests;

/// <summary>
/// Requests that no kernel sends: each is answered, with an errno where it makes no sense, and the session serves the
/// next one.
/// </summary>
internal sealed class WireFuzzTests
{
    private const int LeastRequests = 100;

    // A busy machine may need more than the budget for the least requests.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

    [Test]
    public void MutatedRequests_AreAnswered() => Fuzz(TimeSpan.FromSeconds(2), 1);

    [Test]
    [Category("Long")]
    public void MutatedRequests_ForTenMinutes_AreAnswered() => Fuzz(TimeSpan.FromMinutes(10), Environment.TickCount);

    private static void Fuzz(TimeSpan budget, int seed)
    {
        var fileSystem = new RecordingFileSystem();
        using var kernel =
            new ScriptedKernel(fileSystem, new SessionOptions { Threads = 1, MaxWriteBytes = 128 * 1024 });
        kernel.Init();
        var chance = new Random(seed);
        Mutator[] mutators = [.. SampleRequest.Answered.Select((s, i) => new Mutator([s.Message], seed + i))];
        long start = Stopwatch.GetTimestamp();
        int count = 0, refused = 0;
        for (TimeSpan spent = TimeSpan.Zero; spent < budget || spent < Longest && count <= LeastRequests; count++)
        {
            int sample = chance.Next(mutators.Length);
            byte[] body = mutators[sample].Next();
            int error = kernel.Error(SampleRequest.Answered[sample].Opcode, SampleRequest.Node,
                body.Length > 100_000 ? body[..100_000] : body);
            Assert.That(error, Is.InRange(0, 511),
                () => $"seed {seed}, request {count}: {SampleRequest.Answered[sample].Opcode} "
                    + $"{Convert.ToHexString(body)}");
            refused += error == 0 ? 0 : 1;
            if (count % 1000 == 0)
                _ = fileSystem.TakeCalls();
            spent = Stopwatch.GetElapsedTime(start);
        }
        TestContext.Out.WriteLine(
            $"{count} requests, {refused} of them refused, in {budget.TotalSeconds} s, seed {seed}");
        Assert.That(kernel.Error(Wire.FuseOpcode.GetAttr, SampleRequest.Node, Body.Of(1u, 0u, 44ul)), Is.Zero);
        Assert.That(count, Is.GreaterThan(LeastRequests));
        Assert.That(Environment.WorkingSet, Is.LessThan(1L << 30));
    }
}
