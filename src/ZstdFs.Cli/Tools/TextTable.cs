using System.Globalization;

namespace ZstdFs.Cli.Tools;

/// <summary>A plain table: the first column to the left, numbers to the right, readable by people and by awk.</summary>
internal sealed class TextTable(params string[] header)
{
    private readonly List<string[]> _rows = [header];

    internal void Add(params string[] row) => _rows.Add(row);

    internal static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    internal void Write(TextWriter output)
    {
        int[] widths = [.. header.Select((_, column) => _rows.Max(r => r[column].Length))];
        foreach (string[] row in _rows)
            output.WriteLine(string.Join("  ", row.Select((cell, column) =>
                column == 0 ? cell.PadRight(widths[0]) : cell.PadLeft(widths[column]))));
    }
}
