using System.Runtime.CompilerServices;
using System.Text;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>
/// docs/damage.md: tables of what happens, which the tests that make it happen hold against what they saw.
/// </summary>
internal static class DamageTable
{
    internal const string Whole = "reads whole";

    /// <summary>The table under this heading has these rows, in this order.</summary>
    internal static void Check(string heading, IReadOnlyList<(string Case, string Outcome)> rows)
    {
        var table = new StringBuilder("| case | outcome |\n| --- | --- |\n");
        foreach ((string name, string outcome) in rows)
        {
            table.Append($"| {name} | {outcome} |\n");
            TestContext.Out.WriteLine($"{name}: {outcome}");
        }
        string file = Path.Combine(Root(), "docs/damage.md"), text = File.ReadAllText(file), start = $"## {heading}\n";
        int from = text.IndexOf(start, StringComparison.Ordinal);
        Assert.That(from, Is.GreaterThanOrEqualTo(0), $"docs/damage.md has no '{heading}'");
        from = text.IndexOf("\n\n", from + start.Length, StringComparison.Ordinal) + 2;
        int end = text.IndexOf("\n\n", from, StringComparison.Ordinal);
        end = end < 0 ? text.Length : end + 1;
        if (Environment.GetEnvironmentVariable("ZSTDFS_UPDATE_DOCS") == "1")
            File.WriteAllText(file, text[..from] + table + text[end..]);
        else
            Assert.That(text[from..end], Is.EqualTo(table.ToString()), "docs/damage.md tells something else");
    }

    /// <summary>The tables have this row.</summary>
    internal static void CheckRow(string name, string outcome) =>
        Assert.That(File.ReadAllText(Path.Combine(Root(), "docs/damage.md")), Does.Contain($"| {name} | {outcome} |\n"),
            "docs/damage.md tells something else");

    private static string Root([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../.."));
}
