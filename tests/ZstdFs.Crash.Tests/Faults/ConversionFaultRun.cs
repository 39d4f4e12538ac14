using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Faults;

/// <summary>
/// One conversion of a small folder with one fault, and what has to be so after it and after the next one, which meets
/// none.
/// </summary>
internal sealed class ConversionFaultRun(string folder, ConversionKind kind, Fault fault) : IFaultRun,
    IConversionObserver
{
    private const int LongestContent = 6 * 1024 * 1024, LargeBytes = 4 * 1024 * 1024 + 5000;
    private static readonly Dictionary<string, byte[]> Files = Make();

    private readonly string _source = Path.Combine(folder, "source");
    private readonly List<string> _wrong = [];
    private int _left;

    public bool WasHit { get; private set; }

    public long Calls { get; private set; }

    public string Name => $"conversion: {kind}";

    public string? Kind { get; private set; }

    public override string ToString() => $"{kind}, {fault}";

    private static Dictionary<string, byte[]> Make()
    {
        var chance = new Random(3);
        var files = new Dictionary<string, byte[]>();
        foreach ((string name, int bytes) in new[] { ("empty", 0), ("small", 3000), ("several-frames", 1_300_000),
            ("large", LargeBytes), ("folder/a", 500), ("folder/b", 70_000), ("folder/below/c", 9000) })
        {
            byte[] content = new byte[bytes];
            chance.NextBytes(content.AsSpan(0, bytes / 8));
            files[name] = content;
        }
        files["folder/link"] = files["small"][..2000];
        files["linked"] = files["folder/link"];
        return files;
    }

    public string? Run()
    {
        string? struck = null;
        try
        {
            Fill();
            if (kind != ConversionKind.Convert)
                Convert(ConversionKind.Convert, armed: false);
            bool isDone = Convert(kind, armed: true);
            struck = FailingCalls.Struck;
            Leftovers.CheckDescriptors(_source, _wrong);
            CheckForms(_wrong, mustBeDone: isDone && _left == 0);
            _left = 0;
            // Files with several names are not recompressed.
            if (!Convert(kind, armed: false) || _left > (kind == ConversionKind.Recompress ? 1 : 0))
                _wrong.Add($"{_left} files are left by the next run, which meets no fault");
            CheckForms(_wrong, mustBeDone: true);
            if (_wrong.Count == 0)
                Leftovers.CheckSource(_source, mayHaveLost: false, _wrong);
        }
        catch (Exception e)
        {
            _wrong.Add($"the run ends with {e}");
        }
        finally
        {
            FailingCalls.Disarm();
            WasHit = struck is not null;
            Directory.Delete(folder, recursive: true);
        }
        Kind = FaultSearch.KindOf(_wrong, struck);
        return _wrong.Count == 0 ? null : $"{this}: {string.Join("\n  ", _wrong)}\n{struck}";
    }

    private void Fill()
    {
        foreach ((string name, byte[] content) in Files)
        {
            string path = Path.Combine(_source, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            if (name == "linked")
                Disks.Ext4.Run("ln", Path.Combine(_source, "folder/link"), path);
            else
                File.WriteAllBytes(path, content);
        }
        using FileDescriptor file = SourceFolders.OpenFile(Path.Combine(_source, "folder/b"));
        Assert.That(ExtendedAttributes.Set(file, new NativeName("user.note\0"u8), "note"u8, 0), Is.Zero);
        File.SetUnixFileMode(Path.Combine(_source, "folder/b"), UnixFileMode.UserRead | UnixFileMode.OtherExecute);
    }

    /// <summary>False where it said that it could not go on.</summary>
    private bool Convert(ConversionKind what, bool armed)
    {
        FileDescriptor root = SourceFolders.OpenFolder(_source);
        if (armed)
            FailingCalls.Arm(fault);
        try
        {
            using TreeConversion conversion = TreeConversion.Open(root, default,
                new ConversionOptions { Kind = what, Level = what == ConversionKind.Recompress ? 5 : 3, Jobs = 2 },
                this);
            conversion.Run(default);
            return true;
        }
        catch (Exception e) when (e is SourceException or ConversionException)
        {
            if (!armed || FailingCalls.Struck is null)
                _wrong.Add($"without a fault: {e.Message}");
            return false;
        }
        finally
        {
            if (armed)
                Calls = FailingCalls.Disarm();
        }
    }

    /// <summary>Each file is there, whole, in one form or both; where all is done in the new one alone.</summary>
    private void CheckForms(List<string> wrong, bool mustBeDone)
    {
        bool isStored = kind != ConversionKind.Revert;
        foreach ((string name, byte[] content) in Files)
        {
            string plain = Path.Combine(_source, name), stored = plain + ".zst";
            bool hasPlain = File.Exists(plain), hasStored = File.Exists(stored);
            if (!hasPlain && !hasStored)
                wrong.Add($"{name} is gone");
            if (mustBeDone && (hasPlain == isStored || hasStored != isStored))
                wrong.Add($"{name} is there {(hasPlain ? "plain" : "")} {(hasStored ? "stored" : "")}");
            if (hasPlain && !File.ReadAllBytes(plain).AsSpan().SequenceEqual(content))
                wrong.Add($"{name} has another content");
            if (hasStored && !StockZstd.Decompress(stored, LongestContent).AsSpan().SequenceEqual(content))
                wrong.Add($"{name}.zst has another content");
            if (name == "folder/b"
                && File.GetUnixFileMode(hasPlain ? plain : stored)
                != (UnixFileMode.UserRead | UnixFileMode.OtherExecute))
                wrong.Add($"{name} has another mode");
            if (name == "folder/b" && Leftovers.Note(hasPlain ? plain : stored).Length != "note".Length)
                wrong.Add($"{name} has lost its attribute");
        }
        foreach (string file in Directory.EnumerateFiles(_source, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(_source, file);
            if (!name.StartsWith(".zstdfs/", StringComparison.Ordinal)
                && !Files.ContainsKey(name.EndsWith(".zst", StringComparison.Ordinal) ? name[..^4] : name))
                wrong.Add($"left over: {name}");
        }
    }

    void IConversionObserver.Left(ReadOnlySpan<byte> path, LeftReason reason, string detail) =>
        Interlocked.Increment(ref _left);
}
