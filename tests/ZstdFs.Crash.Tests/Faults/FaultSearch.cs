using System.Diagnostics;
using ZstdFs.Core.Conversion;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Faults;

/// <summary>Tries faults and keeps what is wrong after them.</summary>
internal sealed class FaultSearch(string folder)
{
    private const int MostFindings = 40, HangMs = 120_000;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly SortedDictionary<string, int> _tried = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, Errno, FaultEnd), long> _calls = [];
    private readonly Dictionary<(ConversionKind, Errno), long> _conversionCalls = [];
    private readonly Dictionary<string, string> _findings = [];
    private readonly SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);

    private int _runs;

    /// <summary>Faults that came to pass.</summary>
    internal int Faults { get; private set; }

    internal IReadOnlyCollection<string> Findings => _findings.Values;

    /// <summary>One of the calls of a workload, in any of the ways.</summary>
    internal void TryAny(Scenario scenario, Random chance)
    {
        Errno errno = FailingCalls.Errors[chance.Next(FailingCalls.Errors.Length)];
        var end = (FaultEnd)chance.Next(4);
        FaultWay[] ways = WaysOf(errno);
        FaultWay way = ways[chance.Next(ways.Length)];
        if (!_calls.TryGetValue((scenario.Name, errno, end), out long calls))
        {
            Try(scenario, new Fault(long.MaxValue, errno, way), end, out calls);
            _calls[(scenario.Name, errno, end)] = calls;
        }
        if (calls > 0)
            Try(scenario, new Fault(chance.NextInt64(calls) + 1, errno, way), end, out _);
    }

    /// <summary>
    /// Each call of a workload (or, to be quicker, one of so many) with two of the four ends, and with an error that
    /// chance chooses, once or from then on. With every error, way and end it would take a week.
    /// </summary>
    internal void TryAll(Scenario scenario, Random chance, int step)
    {
        const int EndsOfEach = 2;
        FaultEnd[] ends = Enum.GetValues<FaultEnd>();
        int stride = ends.Length / EndsOfEach;
        foreach (FaultEnd end in ends)
        {
            Try(scenario, new Fault(long.MaxValue, Errno.EIO, FaultWay.Once), end, out long calls);
            for (long number = 1 + chance.Next(stride); number <= calls; number += stride * step)
            {
                Errno errno = FailingCalls.Errors[chance.Next(FailingCalls.Errors.Length)];
                FaultWay[] ways = WaysOf(errno);
                Try(scenario, new Fault(number, errno, ways[chance.Next(ways.Length)]), end, out _);
            }
        }
        TestContext.Progress.WriteLine($"{Faults} faults, {_counts.Count} kinds of findings after {scenario}");
    }

    /// <summary>Each call of a conversion, or one of so many.</summary>
    internal void TryAll(ConversionKind kind, int step)
    {
        foreach (Errno errno in FailingCalls.Errors)
        {
            foreach (FaultWay way in WaysOf(errno))
            {
                for (long number = 1; Try(new ConversionFaultRun(NextFolder(), kind, new Fault(number, errno, way)),
                    out _); number += step)
                {
                }
            }
        }
    }

    /// <summary>One of the calls of a conversion.</summary>
    internal void TryAny(ConversionKind kind, Random chance)
    {
        Errno errno = FailingCalls.Errors[chance.Next(FailingCalls.Errors.Length)];
        FaultWay[] ways = WaysOf(errno);
        if (!_conversionCalls.TryGetValue((kind, errno), out long calls))
        {
            Try(new ConversionFaultRun(NextFolder(), kind, new Fault(long.MaxValue, errno, FaultWay.Once)), out calls);
            _conversionCalls[(kind, errno)] = calls;
        }
        Try(
            new ConversionFaultRun(NextFolder(), kind,
                new Fault(chance.NextInt64(calls) + 1, errno, ways[chance.Next(ways.Length)])),
            out _);
    }

    /// <summary>
    /// What is wrong when calls of this name are lied about, one at a time: what holds <paramref name="expected"/>, or
    /// else the last thing that was; null where nothing ever is. Which call does what is a matter of the queue's pace.
    /// </summary>
    internal string? FindLie(Scenario scenario, string call, FaultEnd end, string expected)
    {
        const int Rounds = 5;
        string? last = null;
        // What harm a lie does depends on what the queue has committed by then, so one round may find none.
        for (int round = 0; round < Rounds; round++)
        {
            bool wasHit = true;
            for (long number = 1; wasHit; number++)
            {
                var run = new FaultRun(
                    NextFolder(), scenario, 1, new Fault(number, Errno.EIO, FaultWay.Lie) { Call = call }, end);
                last = run.Run() ?? last;
                if (last?.Contains(expected, StringComparison.Ordinal) == true)
                    return last;
                wasHit = run.WasHit;
            }
        }
        return last;
    }

    internal static string KindOf(List<string> wrong, string? struck) =>
        wrong.Count == 0 ? ""
            : new string([.. wrong[0].Split('\n')[0].Where(static c => !char.IsDigit(c)).Take(60)])
            + string.Join('\n', struck?.Split('\n').Take(6) ?? []);

    // A signal comes once: what is interrupted is begun again.
    private static FaultWay[] WaysOf(Errno errno) =>
        errno == Errno.EINTR ? [FaultWay.Once] : [FaultWay.Once, FaultWay.FromThenOn];

    /// <summary>Returns whether the fault came to pass.</summary>
    private bool Try(Scenario scenario, in Fault fault, FaultEnd end, out long calls) =>
        Try(new FaultRun(NextFolder(), scenario, 1, fault, end), out calls);

    private string NextFolder() => $"{folder}/{_runs++}";

    private bool Try(IFaultRun run, out long calls)
    {
        string? wrong = null;
        var thread = new Thread(() => wrong = run.Run()) { Name = "fault run", IsBackground = true };
        thread.Start();
        if (!thread.Join(HangMs))
            Assert.Fail($"{run} does not end\n{FailingCalls.Struck}");
        calls = run.Calls;
        if (wrong is not null && !run.WasHit)
            Assert.Fail($"without a fault: {wrong}");
        if (run.WasHit)
        {
            Faults++;
            _tried[run.Name] = _tried.GetValueOrDefault(run.Name) + 1;
        }
        if (wrong is not null)
            Keep(run.Kind!, wrong);
        return run.WasHit;
    }

    private void Keep(string kind, string wrong)
    {
        _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
        if (_findings.Count < MostFindings && _findings.TryAdd(kind, wrong))
            TestContext.Progress.WriteLine(wrong);
    }

    /// <summary>Prints what was tried. Fails where something was wrong.</summary>
    internal void Report()
    {
        TestContext.Out.WriteLine(
            $"{Faults} faults of {_tried.Count} workloads, in {Stopwatch.GetElapsedTime(_start).TotalSeconds:0} s");
        foreach ((string name, int faults) in _tried)
            TestContext.Out.WriteLine($"{faults,6}  {name}");
        Assert.That(_findings, Is.Empty,
            () => string.Join("\n\n", _findings.Select(f => $"{_counts[f.Key]} times: {f.Value}")));
    }
}
