namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>
/// What one program was told about its files: content of those whose close or fsync returned, and what the op that was
/// under way when the daemon died may have made of them.
/// </summary>
internal sealed class AcknowledgedFiles
{
    private readonly Dictionary<string, byte[]> _files = [];
    private readonly Dictionary<string, Func<byte[]?, bool>> _underWay = [];
    private Func<IReadOnlyDictionary<string, byte[]>, bool>? _underWayTogether;

    internal IReadOnlyDictionary<string, byte[]> Files => _files;

    /// <summary>Ops that returned.</summary>
    internal int Count { get; private set; }

    /// <summary>
    /// An op begins: until it is over, what it touches may be as it was, or anything that <paramref name="mayBe"/>
    /// takes.
    /// </summary>
    internal void Begin(string name, Func<byte[]?, bool> mayBe) => _underWay[name] = mayBe;

    /// <summary>An op on several names begins, which all of them show or none.</summary>
    internal void BeginTogether(Func<IReadOnlyDictionary<string, byte[]>, bool> mayBe) => _underWayTogether = mayBe;

    /// <summary>The op returned.</summary>
    internal void End(string name, byte[]? content)
    {
        if (content is null)
            _files.Remove(name);
        else
            _files[name] = content;
        _underWay.Clear();
        _underWayTogether = null;
        Count++;
    }

    /// <summary>
    /// Holds what is there now against it, takes it over, and counts from zero. Returns what is wrong, or null.
    /// </summary>
    internal string? Judge(Dictionary<string, byte[]> found)
    {
        bool together = _underWayTogether?.Invoke(found) ?? false;
        foreach (string name in _files.Keys.Union(found.Keys).Union(_underWay.Keys))
        {
            byte[]? was = _files.GetValueOrDefault(name), content = found.GetValueOrDefault(name);
            bool isAsItWas = was is null ? content is null : content is not null && was.AsSpan().SequenceEqual(content);
            if (!isAsItWas && !together
                && !(_underWay.TryGetValue(name, out Func<byte[]?, bool>? mayBe) && mayBe(content)))
                return $"{name}: {Describe(content)} in place of "
                    + $"{Describe(was)}{(_underWay.ContainsKey(name) ? ", or of what was being done to it" : "")}";
        }
        _files.Clear();
        foreach ((string name, byte[] content) in found)
            _files[name] = content;
        _underWay.Clear();
        _underWayTogether = null;
        Count = 0;
        return null;
    }

    private static string Describe(byte[]? content) =>
        content is null ? "nothing"
            : $"{content.Length} bytes ({Convert.ToHexString(content.AsSpan(0, Math.Min(8, content.Length)))}…)";
}
