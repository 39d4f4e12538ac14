using System.Collections.Concurrent;
using NUnit.Framework.Interfaces;

[assembly: ZstdFs.Mount.Tests.Harness.UnexpectedFailures]

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>
/// Fails the test during which a daemon met an exception that nothing was prepared for, whatever else the test looks
/// at. A test that asks for one takes it.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class UnexpectedFailures : TestActionAttribute
{
    private static readonly ConcurrentQueue<string> Noted = new();

    public override ActionTargets Targets => ActionTargets.Test;

    /// <summary>A daemon wrote this line.</summary>
    internal static void Note(string line) => Noted.Enqueue(line);

    /// <summary>The lines that were noted since the last call.</summary>
    internal static string[] Take()
    {
        Daemon.NoteUnexpected();
        var lines = new List<string>();
        while (Noted.TryDequeue(out string? line))
            lines.Add(line);
        return [.. lines];
    }

    public override void AfterTest(ITest test) =>
        Assert.That(Take(), Is.Empty, "a daemon met an exception that nothing was prepared for");
}
