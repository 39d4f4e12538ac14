namespace ZstdFs.Crash.Tests.Histories;

/// <summary>
/// What each path has held, and since which moment of the disk it may not be anything older: the oracle of a power cut.
/// A version is what a close, an fsync or a change of names made; null is "no such file".
/// </summary>
internal sealed class History(Func<int> now)
{
    private sealed class Versions
    {
        internal readonly List<byte[]?> All = [null];
        internal readonly List<(int Moment, int Version)> Durable = [];
        // From this version on, blocks that were written after an fsync and before the next may be there in part, as on
        // ext4.
        internal int LooseFrom = int.MaxValue;
        // The first version that the name as it is now has led to.
        internal int NameFrom;
    }

    private sealed record Kept(int From, string[] Paths, byte[] Content)
    {
        internal int To { get; set; } = int.MaxValue;
    }

    private readonly SortedDictionary<string, Versions> _paths = new(StringComparer.Ordinal);
    private readonly List<Kept> _kept = [];

    internal IEnumerable<string> Paths => _paths.Keys;

    internal byte[]? Current(string path) => _paths.TryGetValue(path, out Versions? versions) ? versions.All[^1] : null;

    /// <summary>The path is about to become this.</summary>
    internal void Becomes(string path, byte[]? content)
    {
        foreach (Kept kept in _kept.Where(k => k.To == int.MaxValue && k.Paths.Contains(path)))
            kept.To = now();
        Versions versions = Of(path);
        if (content is null != versions.All[^1] is null)
            versions.NameFrom = versions.All.Count;
        versions.All.Add(content);
    }

    /// <summary>The file is open, was synchronised, and is written to in place from here on.</summary>
    internal void IsWrittenAfterSync(string path) => Of(path).LooseFrom =
        Math.Min(Of(path).LooseFrom, Of(path).All.Count - 1);

    /// <summary>What it is now was promised to survive.</summary>
    internal void IsDurable(string path) => Of(path).Durable.Add((now(), Of(path).All.Count - 1));

    /// <summary>Everything was promised to survive.</summary>
    internal void AllIsDurable()
    {
        foreach (string path in _paths.Keys)
            IsDurable(path);
    }

    /// <summary>
    /// What names there are was promised to survive, of each file any content that it has had under its name.
    /// </summary>
    internal void NamesAreDurable(string folder)
    {
        foreach ((string path, Versions versions) in _paths)
        {
            if (Path.GetDirectoryName(path) == folder)
                versions.Durable.Add((now(), versions.NameFrom));
        }
    }

    /// <summary>
    /// Two names are about to change places: each leads to any version that the other's file may still be after a power
    /// cut, and both contents stay.
    /// </summary>
    internal void AreExchanged(string one, string other)
    {
        byte[]?[] ofOne = Possible(one), ofOther = Possible(other);
        foreach (string path in new[] { one, other })
        {
            byte[] content = Current(path)!;
            bool isDurable = Oldest(Of(path), int.MaxValue) == Of(path).All.Count - 1;
            foreach (byte[]? version in path == one ? ofOther : ofOne)
                Becomes(path, version);
            if (isDurable)
                _kept.Add(new Kept(now(), [one, other], content));
        }
    }

    private byte[]?[] Possible(string path) =>
        [.. Of(path).All.Skip(Oldest(Of(path), int.MaxValue)).Where(static v => v is not null)];

    /// <summary>
    /// A rename is about to take a file from one name to the other: where its content was promised to survive, one of
    /// them has it at every moment.
    /// </summary>
    internal void IsRenamed(string from, string to)
    {
        byte[]? content = Current(from);
        bool isDurable = Oldest(Of(from), int.MaxValue) == Of(from).All.Count - 1;
        TakesOver(from, to);
        Becomes(from, null);
        if (isDurable && content is not null)
            _kept.Add(new Kept(now(), [from, to], content));
    }

    /// <summary>
    /// A name is about to be given to a file that has another. Where the new name is free, it may lead to any version
    /// that the file may still be after a power cut; where it replaces a file, to none but the newest.
    /// </summary>
    internal void TakesOver(string from, string to)
    {
        Versions file = Of(from);
        if (Current(to) is null)
        {
            foreach (byte[]? version in Possible(from))
                Becomes(to, version);
        }
        else
            Of(to).NameFrom = Of(to).All.Count;
        Becomes(to, Current(from));
    }

    private static int Oldest(Versions versions, int moment) =>
        versions.Durable.Where(d => d.Moment <= moment).Select(d => d.Version).DefaultIfEmpty(0).Max();

    /// <summary>
    /// Holds what was found after a power cut against what may be there. Returns what is wrong, or null.
    /// </summary>
    internal string? Judge(int moment, IReadOnlyDictionary<string, byte[]> found)
    {
        foreach ((string path, Versions versions) in _paths)
        {
            byte[]?[] allowed = [.. versions.All.Skip(Oldest(versions, moment))];
            byte[]? content = found.GetValueOrDefault(path);
            if (!allowed.Any(a => Same(a, content))
                && !(content is not null && versions.LooseFrom < versions.All.Count && IsBlend(content, allowed)))
                return $"{path} is {Text(content)}, where {string.Join(" or ", allowed.Select(Text).Distinct())} was "
                    + $"possible{Differences(content, allowed)}";
        }
        foreach (Kept kept in _kept.Where(k => k.From <= moment && moment < k.To))
        {
            if (!kept.Paths.Any(path => Same(found.GetValueOrDefault(path), kept.Content)))
                return $"none of {string.Join(", ", kept.Paths)} is {Text(kept.Content)}";
        }
        string? stranger = found.Keys.FirstOrDefault(path => !_paths.ContainsKey(path));
        return stranger is null ? null : $"{stranger} was never there";
    }

    private Versions Of(string path)
    {
        if (!_paths.TryGetValue(path, out Versions? versions))
            _paths[path] = versions = new Versions();
        return versions;
    }

    private static bool Same(byte[]? a, byte[]? b) =>
        a is null ? b is null : b is not null && a.AsSpan().SequenceEqual(b);

    private static bool IsBlend(byte[] content, byte[]?[] allowed)
    {
        const int BlockBytes = 4096;
        if (content.Length < allowed.Min(a => a?.Length ?? 0) || content.Length > allowed.Max(a => a?.Length ?? 0))
            return false;
        for (int at = 0; at < content.Length; at += BlockBytes)
        {
            ReadOnlySpan<byte> block = content.AsSpan(at, Math.Min(BlockBytes, content.Length - at));
            bool isKnown = false;
            foreach (byte[]? version in allowed)
                isKnown |= version is not null && Padded(version, at, block.Length).SequenceEqual(block);
            if (!isKnown)
                return false;
        }
        return true;
    }

    // Behind its end a version reads as zeros once another one is longer.
    private static ReadOnlySpan<byte> Padded(byte[] version, int at, int length)
    {
        byte[] block = new byte[length];
        if (at < version.Length)
            version.AsSpan(at, Math.Min(length, version.Length - at)).CopyTo(block);
        return block;
    }

    /// <summary>Which blocks are not those of each version that was possible.</summary>
    private static string Differences(byte[]? content, byte[]?[] allowed)
    {
        const int BlockBytes = 4096, Shown = 8;
        if (content is null)
            return "";
        var text = new System.Text.StringBuilder();
        foreach (byte[] version in allowed.OfType<byte[]>())
        {
            int[] blocks = [.. Enumerable.Range(0, (content.Length + BlockBytes - 1) / BlockBytes)
                .Where(block =>
                    !content.AsSpan(block * BlockBytes, Math.Min(BlockBytes, content.Length - block * BlockBytes))
                    .SequenceEqual(Padded(version, block * BlockBytes,
                        Math.Min(BlockBytes, content.Length - block * BlockBytes))))];
            text.Append(System.Globalization.CultureInfo.InvariantCulture,
                $"; other than a version of {version.Length} bytes in {blocks.Length} blocks, such as "
                + $"{string.Join(' ', blocks.Take(Shown))}");
            if (blocks.Length > 0)
                text.Append(
                    content.AsSpan(blocks[0] * BlockBytes,
                        Math.Min(BlockBytes, content.Length - blocks[0] * BlockBytes))
                        .ContainsAnyExcept((byte)0)
                    ? "" : " (zeros)");
        }
        return text.ToString();
    }

    private static string Text(byte[]? content) =>
        content is null ? "nothing"
            : $"{content.Length} bytes of {Convert.ToHexString(content.AsSpan(0, Math.Min(6, content.Length)))}…";
}
