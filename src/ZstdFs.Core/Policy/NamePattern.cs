namespace ZstdFs.Core.Policy;

/// <summary>
/// A shell pattern over bytes: <c>*</c> and <c>?</c> stop at a slash, <c>**</c> does not, <c>[a-z]</c> and
/// <c>[!a-z]</c> are sets. A pattern without a slash is matched against the name, one with a slash against the whole
/// path that the caller gives.
/// </summary>
internal sealed class NamePattern(byte[] pattern)
{
    private readonly bool _isPath = pattern.Contains((byte)'/');

    internal bool Matches(ReadOnlySpan<byte> path)
    {
        if (_isPath)
            return Match(pattern.AsSpan().TrimStart((byte)'/'), path);
        return Match(pattern, path[(path.LastIndexOf((byte)'/') + 1)..]);
    }

    internal static bool AnyMatches(NamePattern[] patterns, ReadOnlySpan<byte> path)
    {
        foreach (NamePattern pattern in patterns)
        {
            if (pattern.Matches(path))
                return true;
        }
        return false;
    }

    private static bool Match(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> text)
    {
        while (!pattern.IsEmpty)
        {
            if (pattern[0] == '*')
                return MatchStar(pattern, text);
            if (text.IsEmpty || !MatchOne(ref pattern, text[0]))
                return false;
            text = text[1..];
        }
        return text.IsEmpty;
    }

    private static bool MatchStar(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> text)
    {
        bool crosses = pattern.StartsWith("**"u8);
        pattern = pattern.TrimStart((byte)'*');
        // "**/x" matches x at the top too.
        if (crosses && pattern.StartsWith("/"u8) && Match(pattern[1..], text))
            return true;
        for (int i = 0; i <= text.Length; i++)
        {
            if (Match(pattern, text[i..]))
                return true;
            if (i < text.Length && text[i] == '/' && !crosses)
                return false;
        }
        return false;
    }

    private static bool MatchOne(ref ReadOnlySpan<byte> pattern, byte c)
    {
        byte first = pattern[0];
        // A ']' right behind the '[' is a member; a set that does not end is no set.
        int end = first == '[' && pattern.Length > 2 ? pattern[2..].IndexOf((byte)']') + 2 : 0;
        if (end >= 2)
        {
            bool matches = InSet(pattern[1..end], c);
            pattern = pattern[(end + 1)..];
            return matches;
        }
        if (first == '\\' && pattern.Length > 1)
            pattern = pattern[1..];
        bool equal = first == '?' ? c != '/' : pattern[0] == c;
        pattern = pattern[1..];
        return equal;
    }

    private static bool InSet(ReadOnlySpan<byte> set, byte c)
    {
        bool negated = set[0] is (byte)'!' or (byte)'^';
        if (negated)
            set = set[1..];
        bool found = false;
        for (int i = 0; i < set.Length; i++)
        {
            bool isRange = i + 2 < set.Length && set[i + 1] == '-';
            found |= isRange ? c >= set[i] && c <= set[i + 2] : c == set[i];
            i += isRange ? 2 : 0;
        }
        return found != negated && c != '/';
    }
}
