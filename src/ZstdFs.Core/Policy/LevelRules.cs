using System.Globalization;
using System.Text;
using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Policy;

/// <summary>
/// Which files get another zstd level than the mount's. Each line is one rule: a level, a shell pattern, and where
/// wanted a condition on the size, as in <c>19 *.log &gt;1M</c>. The first rule that fits counts. Empty lines and lines
/// that begin with # are ignored.
/// </summary>
public sealed class LevelRules
{
    /// <summary>Longest file of rules, in bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    private readonly List<Rule> _rules = [];

    private LevelRules()
    {
    }

    private sealed record Rule(int Level, NamePattern Pattern, long MoreThan, long LessThan);

    /// <summary>Reads rules.</summary>
    /// <param name="text">At most <see cref="MaxBytes"/>. Patterns are bytes, as names are.</param>
    /// <param name="name">What the file is called, for messages.</param>
    /// <exception cref="FormatException">
    /// A line is no rule. The message names the file, the line and what is wrong.
    /// </exception>
    public static LevelRules Parse(ReadOnlySpan<byte> text, string name)
    {
        if (text.Length > MaxBytes)
            throw new FormatException($"'{name}' is too long for a file of rules: at most {MaxBytes / 1024} KiB");
        var rules = new LevelRules();
        int number = 0;
        foreach (Range range in text.Split((byte)'\n'))
        {
            number++;
            ReadOnlySpan<byte> line = text[range].Trim(" \t\r"u8);
            if (!line.IsEmpty && line[0] != '#')
                rules._rules.Add(ParseRule(line, out string? wrong)
                    ?? throw new FormatException($"'{name}', line {number}: {wrong}"));
        }
        return rules;
    }

    /// <summary>The level for a file, or <paramref name="otherwise"/> where no rule fits.</summary>
    /// <param name="path">The logical path below the root, without a slash at its beginning.</param>
    /// <param name="bytes">The file's logical length.</param>
    /// <param name="otherwise">The mount's level.</param>
    internal int LevelFor(ReadOnlySpan<byte> path, long bytes, int otherwise)
    {
        foreach (Rule rule in _rules)
        {
            if (bytes > rule.MoreThan && bytes < rule.LessThan && rule.Pattern.Matches(path))
                return rule.Level;
        }
        return otherwise;
    }

    private static Rule? ParseRule(ReadOnlySpan<byte> line, out string? wrong)
    {
        wrong = null;
        int gap = line.IndexOfAny((byte)' ', (byte)'\t');
        ReadOnlySpan<byte> first = gap < 0 ? line : line[..gap], rest = gap < 0 ? default : line[gap..].Trim(" \t"u8);
        if (!int.TryParse(first, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int level)
            || level is < FrameEncoder.LowestLevel or > FrameEncoder.HighestLevel)
            wrong = $"'{Encoding.UTF8.GetString(first)}' is no level: a rule begins with one from "
                + $"{FrameEncoder.LowestLevel} to {FrameEncoder.HighestLevel}, as in '19 *.log >1M'";
        else if (rest.IsEmpty)
            wrong = "the pattern is missing: a rule is a level and a pattern, as in '19 *.log >1M'";
        if (wrong is not null)
            return null;
        (long moreThan, long lessThan) = (-1, long.MaxValue);
        int last = FindCondition(rest);
        if (last == 0)
        {
            wrong = "the pattern is missing: a rule is a level and a pattern, as in '19 *.log >1M'";
            return null;
        }
        if (last > 0)
        {
            if (ParseSize(rest[(last + 1)..].TrimStart(" \t"u8)) is not { } bytes)
            {
                wrong = $"'{Encoding.UTF8.GetString(rest[last..])}' is no size: write > or < and a number with K, M "
                    + "or G behind it, as in '>1M'";
                return null;
            }
            (moreThan, lessThan) = rest[last] == '>' ? (bytes, long.MaxValue) : (-1, bytes);
            rest = rest[..last].TrimEnd(" \t"u8);
        }
        return new Rule(level, new NamePattern(rest.ToArray()), moreThan, lessThan);
    }

    /// <summary>
    /// Where the condition begins, −1 for none: the last word where it begins with &gt; or &lt;, or what begins with a
    /// word that is nothing else. A size may stand apart from its sign.
    /// </summary>
    private static int FindCondition(ReadOnlySpan<byte> rest)
    {
        int last = rest.LastIndexOfAny((byte)' ', (byte)'\t') + 1;
        if (last > 0 && rest[last] is (byte)'>' or (byte)'<')
            return last;
        for (int at = rest.Length - 2; at >= 0; at--)
        {
            if (rest[at] is (byte)'>' or (byte)'<' && rest[at + 1] is (byte)' ' or (byte)'\t'
                && (at == 0 || rest[at - 1] is (byte)' ' or (byte)'\t'))
                return at;
        }
        return -1;
    }

    private static long? ParseSize(ReadOnlySpan<byte> text)
    {
        int shift = text.IsEmpty
            ? 0
            : text[^1] switch { (byte)'K' => 10, (byte)'M' => 20, (byte)'G' => 30, (byte)'T' => 40, _ => 0 };
        return long.TryParse(
            shift == 0 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && number <= long.MaxValue >> shift
            ? number << shift
            : null;
    }
}
