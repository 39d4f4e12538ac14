using ZstdFs.Core.Mounting;
using ZstdFs.Core;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Source;
using ZstdFs.Crash.Tests.Histories;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Faults;

/// <summary>What happens after the op that the fault was told by, or after all where none was.</summary>
internal enum FaultEnd
{
    /// <summary>The fault is lifted, the files are looked at, and the mount is drained.</summary>
    Lifted,
    /// <summary>The daemon is killed at once; the next mount meets no fault.</summary>
    Killed,
    /// <summary>The mount is drained while the fault is still there; the next one meets none.</summary>
    DrainedUnderFault,
    /// <summary>
    /// The daemon is killed at the end of a workload that met no fault, and the next mount meets it. After that as
    /// <see cref="Lifted"/>.
    /// </summary>
    Recovery,
}

/// <summary>One workload with one fault, on a source of its own, and everything that has to be so after it.</summary>
internal sealed class FaultRun(string folder, Scenario scenario, int seed, Fault fault, FaultEnd end) : IFaultRun
{
    private const int LongestContent = 12 * 1024 * 1024;

    private static readonly FileSystemOptions Options = new() { Jobs = 1 };

    private readonly string _source = Path.Combine(folder, "source");
    private readonly ExpectedFiles _expected = new();
    private readonly EventLines _log = new();
    private readonly List<string> _wrong = [];
    private bool _isReadOnly;

    public bool WasHit { get; private set; }

    public string? Kind { get; private set; }

    public long Calls { get; private set; }

    public string Name => scenario.Name;

    public string? Run()
    {
        Directory.CreateDirectory(_source);
        string? struck = null;
        try
        {
            bool isRecovery = end == FaultEnd.Recovery;
            ZstdFileSystem? fileSystem = Open(isArmed: !isRecovery);
            if (fileSystem is not null)
                Work(fileSystem, isKilled: isRecovery || end == FaultEnd.Killed);
            if (isRecovery)
                fileSystem = Open(isArmed: true);
            struck = FailingCalls.Struck;
            if (end is FaultEnd.Lifted or FaultEnd.Recovery)
                Lift();
            End(fileSystem);
            struck = FailingCalls.Struck ?? struck;
            if (_wrong.Count == 0)
                Leftovers.CheckSource(_source, mayHaveLost: end is FaultEnd.Killed or FaultEnd.Recovery, _wrong);
        }
        catch (Exception e)
        {
            _wrong.Add($"the test ends with {e}");
        }
        finally
        {
            Lift();
            WasHit = FailingCalls.Struck is not null;
            Directory.Delete(folder, recursive: true);
        }
        if (_wrong.Count == 0)
            return null;
        Kind = FaultSearch.KindOf(_wrong, struck);
        return $"{this}: {string.Join("\n  ", _wrong)}\n{Indented(struck)}\n  log:\n{Indented(_log.ToString())}";
    }

    public override string ToString() => $"{scenario} (seed {seed}), {fault}, {end}";

    private bool _isArmed = true;

    private void Lift()
    {
        long calls = FailingCalls.Disarm();
        if (_isArmed)
            Calls = calls;
        _isArmed = false;
    }

    /// <summary>Mounts. Null where the fault kept it from that, which the user is told in one line.</summary>
    private ZstdFileSystem? Open(bool isArmed)
    {
        FileDescriptor root = SourceFolders.OpenFolder(_source);
        if (isArmed)
            FailingCalls.Arm(fault);
        try
        {
            var fileSystem = ServedSource.Open(root, Options, _log).FileSystem;
            _isReadOnly = fileSystem.ReadOnly;
            return fileSystem;
        }
        catch (SourceException) when (FailingCalls.Struck is not null)
        {
            return null;
        }
    }

    private void Work(ZstdFileSystem fileSystem, bool isKilled)
    {
        IDisposable? death = null;
        var files = new DirectFiles(fileSystem, _expected, isKilled ? () => death ??= FailingCalls.Kill() : null);
        try
        {
            var chance = new Random(seed);
            scenario.Run(new Workload(files, new History(static () => 0), chance, files.SynchronizeAll), chance);
        }
        catch (CallFailed)
        {
            // The program ended.
        }
        foreach ((string op, Errno errno) in files.Answers.Take(1))
        {
            if (!IsTrue(errno))
                _wrong.Add($"{op} is answered with {errno}");
        }
        _wrong.AddRange(files.Escaped);
        if (isKilled)
            Kill(fileSystem, death);
    }

    private bool IsTrue(Errno errno) =>
        errno == fault.Errno || errno == Errno.EIO || errno == Errno.ENOSPC && fault.Errno == Errno.EDQUOT
            || errno == Errno.EROFS && _isReadOnly;

    private static void Kill(ZstdFileSystem fileSystem, IDisposable? death)
    {
        using (death ?? FailingCalls.Kill())
            fileSystem.Dispose();
    }

    private void End(ZstdFileSystem? fileSystem)
    {
        bool wasKilled = end is FaultEnd.Killed or FaultEnd.Recovery;
        switch (end)
        {
            case FaultEnd.Killed:
                Lift();
                Leftovers.CheckDescriptors(_source, _wrong);
                fileSystem = Remount();
                break;
            case FaultEnd.DrainedUnderFault when fileSystem is not null:
                int drained = fileSystem.Drain();
                if (drained < 0 && !IsTrue((Errno)(-drained)))
                    _wrong.Add($"drain is answered with {(Errno)(-drained)}");
                fileSystem.Dispose();
                Lift();
                Leftovers.CheckDescriptors(_source, _wrong);
                if (drained >= 0 && !_isReadOnly && Judge(Stored(), wasKilled) is { } lost)
                    _wrong.Add($"in the source, after a drain that succeeded: {lost}");
                fileSystem = Remount();
                break;
        }
        if (fileSystem is null || _isReadOnly)
        {
            fileSystem?.Dispose();
            Lift();
            Leftovers.CheckDescriptors(_source, _wrong);
            fileSystem = Remount();
        }
        if (fileSystem is null)
            return;
        if (Judge(Shown(fileSystem), wasKilled) is { } wrong)
            _wrong.Add($"on the mount: {wrong}");
        if (fileSystem.Drain() is < 0 and var failed)
            _wrong.Add($"drain is answered with {(Errno)(-failed)}");
        fileSystem.Dispose();
        Leftovers.CheckDescriptors(_source, _wrong);
        if (_wrong.Count == 0 && Judge(Stored(), wasKilled) is { } gone)
            _wrong.Add($"in the source: {gone}");
    }

    private ZstdFileSystem? Remount()
    {
        try
        {
            ZstdFileSystem fileSystem = ServedSource.Open(SourceFolders.OpenFolder(_source), Options, _log).FileSystem;
            _isReadOnly = false;
            if (fileSystem.ReadOnly)
                _wrong.Add("the next mount is read-only");
            return fileSystem;
        }
        catch (SourceException e)
        {
            _wrong.Add($"the next mount is refused: {e.Message}");
            return null;
        }
    }

    private string? Judge(Dictionary<string, FoundFile>? found, bool wasKilled) =>
        found is null || IsKeptApart ? null : _expected.Judge(found, wasKilled);

    /// <summary>
    /// The first sync of a next mount failed. Nothing tells which parts of what the last one had written are good, so
    /// the old version stays, and what there is of the new one is kept apart.
    /// </summary>
    private bool IsKeptApart =>
        _log.ToString()
            .Contains("the disk did not take all of what was written before the last mount ended",
                StringComparison.Ordinal);

    private Dictionary<string, FoundFile>? Shown(ZstdFileSystem fileSystem)
    {
        var files = new DirectFiles(fileSystem, _expected);
        var shown = new Dictionary<string, FoundFile>();
        foreach (string path in _expected.Names)
        {
            try
            {
                if (files.Read(path) is { } file)
                    shown[path] = file;
            }
            catch (CallFailed failure)
            {
                _wrong.Add($"with the fault lifted: {failure.Message}");
                return null;
            }
        }
        _wrong.AddRange(files.Escaped);
        return shown;
    }

    private Dictionary<string, FoundFile>? Stored()
    {
        var stored = new Dictionary<string, FoundFile>();
        foreach (string file in Directory.EnumerateFiles(_source, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(_source, file);
            if (name.StartsWith(".zstdfs", StringComparison.Ordinal) && name.Contains('/', StringComparison.Ordinal))
                continue;
            if (!name.EndsWith(".zst", StringComparison.Ordinal))
            {
                _wrong.Add($"left over: {name}");
                continue;
            }
            try
            {
                stored[name[..^".zst".Length]] = new FoundFile(StockZstd.Decompress(file, LongestContent),
                    File.GetUnixFileMode(file), Leftovers.Note(file));
            }
            catch (InvalidDataException refused)
            {
                _wrong.Add(refused.Message);
                return null;
            }
        }
        return stored;
    }

    private static string Indented(string? text) =>
        text is null ? "" : "    " + text.Trim().Replace("\n", "\n    ", StringComparison.Ordinal);
}
