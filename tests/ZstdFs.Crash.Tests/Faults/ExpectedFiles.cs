namespace ZstdFs.Crash.Tests.Faults;

/// <summary>A file as the mount or the source has it.</summary>
internal sealed record FoundFile(byte[] Content, UnixFileMode? Mode, byte[]? Note);

/// <summary>
/// What files there must be, and with what in them: what was answered is so, of what failed each outcome that the
/// failed call may have had is allowed, and of what was written and neither closed nor synchronised each state since
/// then.
/// </summary>
internal sealed class ExpectedFiles
{
    /// <summary>One file, whatever its names.</summary>
    internal sealed class Contents
    {
        private readonly List<byte[]> _earlier = [];
        private (byte[] Old, byte[] New)? _torn;
        private byte[] _current = [];
        private bool _isVague;

        internal byte[] Current => _current;

        internal UnixFileMode? Mode { get; private set; }

        internal byte[]? Note { get; private set; }

        private bool _modeIsVague, _noteIsVague;

        /// <summary>The content is about to become another; it is not safe from a kill yet.</summary>
        internal Contents Become(byte[] next)
        {
            _earlier.Add(_current);
            _current = next;
            return this;
        }

        /// <summary>
        /// The call that was to make the content what it is now failed: it may have been done in part.
        /// </summary>
        internal void Failed()
        {
            _torn = (_earlier[^1], _current);
            _isVague = true;
        }

        /// <summary>A close or sync failed: any state since the last that did not is allowed.</summary>
        internal void IsVague() => _isVague = true;

        /// <summary>A close or a sync was answered: from here on it is this.</summary>
        internal void Settle()
        {
            if (!_isVague)
                _earlier.Clear();
        }

        internal void BecomeMode(UnixFileMode mode) => (Mode, _modeIsVague) = (mode, true);

        internal void BecomeNote(byte[] note) => (Note, _noteIsVague) = (note, true);

        internal void ModeIsSet() => _modeIsVague = false;

        internal void NoteIsSet() => _noteIsVague = false;

        /// <summary>What is wrong with a file found in its place; null where nothing is.</summary>
        internal string? Judge(FoundFile found, bool wasKilled)
        {
            bool isAllowed = found.Content.AsSpan().SequenceEqual(_current)
                || (_isVague || wasKilled) && _earlier.Exists(content => found.Content.AsSpan().SequenceEqual(content))
                || _torn is { } torn && IsBetween(found.Content, torn.Old, torn.New);
            if (!isAllowed)
                return $"it holds {Text(found.Content)}, and should hold "
                    + $"{Text(_current)}{string.Concat(_earlier.Select(content => $" or {Text(content)}"))}";
            if (Mode is { } mode && !_modeIsVague && found.Mode is { } present && present != mode)
                return $"its mode is {present}, and should be {mode}";
            return Note is { } note && !_noteIsVague && found.Note is not null
                && !found.Note.AsSpan().SequenceEqual(note)
                ? $"its attribute is {Text(found.Note)}, and should be {Text(note)}" : null;
        }

        // Each byte is that of one of them, and so is the length, or one in between.
        private static bool IsBetween(byte[] content, byte[] old, byte[] next)
        {
            if (content.Length < Math.Min(old.Length, next.Length)
                || content.Length > Math.Max(old.Length, next.Length))
                return false;
            for (int i = 0; i < content.Length; i++)
            {
                if (!(i < old.Length && content[i] == old[i] || i < next.Length && content[i] == next[i]
                    || content[i] == 0 && i >= Math.Min(old.Length, next.Length)))
                    return false;
            }
            return true;
        }

        private static string Text(byte[] content) =>
            $"{content.Length} bytes ({Convert.ToHexString(content.AsSpan(0, Math.Min(6, content.Length)))}…"
            + $"{Convert.ToHexString(content.AsSpan(Math.Max(0, content.Length - 3)))})";
    }

    private readonly SortedDictionary<string, Contents> _names = new(StringComparer.Ordinal);
    private SortedDictionary<string, Contents>? _other;

    internal Contents? Find(string path) => _names.GetValueOrDefault(path);

    /// <summary>Every name that there is, or may be.</summary>
    internal IEnumerable<string> Names => _names.Keys.Union(_other?.Keys.AsEnumerable() ?? [], StringComparer.Ordinal);

    /// <summary>
    /// A change of names is about to be made; the result says that it failed, and may have been made all the same.
    /// </summary>
    internal Action Change(Action<SortedDictionary<string, Contents>> change)
    {
        var before = new SortedDictionary<string, Contents>(_names, StringComparer.Ordinal);
        change(_names);
        return () => _other = before;
    }

    /// <summary>What is wrong with what was found; null where nothing is.</summary>
    internal string? Judge(IReadOnlyDictionary<string, FoundFile> found, bool wasKilled)
    {
        string? wrong = Judge(_names, found, wasKilled);
        return wrong is not null && _other is not null && Judge(_other, found, wasKilled) is null ? null : wrong;
    }

    private static string? Judge(SortedDictionary<string, Contents> names, IReadOnlyDictionary<string, FoundFile> found,
        bool wasKilled)
    {
        foreach ((string path, Contents contents) in names)
        {
            if (!found.TryGetValue(path, out FoundFile? file))
                return $"{path} is not there";
            if (contents.Judge(file, wasKilled) is { } wrong)
                return $"{path}: {wrong}";
        }
        return found.Keys.FirstOrDefault(path => !names.ContainsKey(path)) is { } extra
            ? $"{extra} is there, and should not be" : null;
    }
}
