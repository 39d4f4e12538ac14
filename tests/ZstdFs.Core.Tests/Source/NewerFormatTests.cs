using System.Text;
using ZstdFs.Core.Checking;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Mounting;
using ZstdFs.Core.Source;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Source;

/// <summary>What a newer zstdfs left is named by this one, and stays as it is.</summary>
[TestFixture]
internal sealed class NewerFormatTests : IEventLog
{
    private const string WorkingAttribute = "user.zstdfs.working", RecordAttribute = "user.zstdfs";

    private readonly List<string> _log = [];
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource()
    {
        _log.Clear();
        _source = new TestSource();
        _source.Write("a", [1, 2, 3]);
        _source.Convert();
        // Where each run of it begins.
        _source.Convert();
        _source.Write("plain", [4]);
    }

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    [TestCase("names", "zNJ2 and what only that version reads")]
    [TestCase("names", "zNJ2")]
    [TestCase("conversion-0", "zCJ2 and what only that version reads")]
    [TestCase("conversion-2", "zCJA")]
    [TestCase("conversion-11", "zCJ2", Description = "a newer version may have more slots")]
    public void Journal(string name, string content)
    {
        _source.Write($".zstdfs/{name}", Encoding.ASCII.GetBytes(content));
        RequireRefused($".zstdfs/{name}");
    }

    [TestCase("0010000000000001-1-1", 80)]
    [TestCase("0010000000000001-1-1.synced", 96)]
    [TestCase("redo-0010000000000001-1-1", 80)]
    [TestCase("a name of its own", 3)]
    public void WorkingCopy(string name, int length)
    {
        _source.Write($".zstdfs/working/{name}", [9]);
        SetAttribute($".zstdfs/working/{name}", WorkingAttribute, NewerRecord("zW", length));
        RequireRefused($".zstdfs/working/{name}");
    }

    [Test]
    public void State()
    {
        byte[] state = File.ReadAllBytes($"{_source.Path}/.zstdfs/state");
        state[8]++;
        _source.Write(".zstdfs/state", state);
        RequireRefused(".zstdfs/state");
    }

    [TestCase("names", "zNJ1")]
    [TestCase("names", "zNJ1 torn")]
    [TestCase("names", "\0\0\0\0\0\0\0\0")]
    [TestCase("names", "zNJ")]
    [TestCase("conversion-0", "zCJ1 torn, and long enough for a header")]
    [TestCase("conversion-0", "\0\0\0\0")]
    public void TornJournalOfOurVersion_IsDropped(string name, string content)
    {
        _source.Write($".zstdfs/{name}", Encoding.ASCII.GetBytes(content));
        Open(new FileSystemOptions()).Dispose();
        Assert.That(File.Exists($"{_source.Path}/.zstdfs/{name}"), Is.False);
        Assert.That(_log, Has.None.Contains("newer"));
    }

    [Test]
    public void MountThatWritesNothing_NamesIt()
    {
        _source.Write(".zstdfs/names", "zNJ2"u8.ToArray());
        string before = Snapshot();
        Open(new FileSystemOptions { ReadOnly = true }).Dispose();
        Assert.That(_log, Has.One.Contains(".zstdfs/names was written by a newer zstdfs"));
        Assert.That(Snapshot(), Is.EqualTo(before));
    }

    /// <summary>A first look gave the file another number, and overwrote the record with it.</summary>
    [Test]
    public void StoredFilesRecord_IsLeftByAMount([Values(60, 64, 200)] int length)
    {
        byte[] record = NewerRecord("zF", length);
        string hex = Convert.ToHexString(record);
        using var mounted = new MountedSource(
            prepare: $"echo content | zstd -q > a.zst; setfattr -n user.zstdfs -v 0x{hex} a.zst");
        string number = mounted.Shell("cat a; stat -c %i a; ls -l > /dev/null; stat -c %i a");
        Assert.That(number, Does.StartWith("content\n"));
        Assert.That(number.Split('\n')[1], Is.EqualTo(number.Split('\n')[2]));
        Assert.That(mounted.Shell("getfattr -e hex --only-values -n user.zstdfs \"$SRC/a.zst\" | xxd -p | tr -d '\\n'"),
            Is.EqualTo(hex).IgnoreCase);
        Assert.That(mounted.Log, Has.One.Contains("a.zst: its record (user.zstdfs) was written by a newer zstdfs"));
        // A write is the user's word.
        mounted.Shell("echo more >> a");
        mounted.Synchronize();
        Assert.That(mounted.Shell("cat a; zstd -qdc \"$SRC/a.zst\"; stat -c %i a"),
            Is.EqualTo($"content\nmore\ncontent\nmore\n{number.Split('\n')[1]}\n"));
    }

    [TestCase("a.zst", ConversionKind.Revert)]
    [TestCase("a.zst", ConversionKind.Recompress)]
    [TestCase("plain", ConversionKind.Convert)]
    public void RecordOfAFile_IsLeftByATool(string name, ConversionKind kind)
    {
        SetAttribute(name, RecordAttribute, NewerRecord("zF", 64));
        string before = Snapshot();
        _source.Convert(new ConversionOptions { Kind = kind, Level = 19, IfSaves = 0 });
        Assert.That(_source.LeftFiles, Is.EqualTo(new[] { $"{name}: Newer" }));
        Assert.That(Attribute(name, RecordAttribute), Is.EqualTo(NewerRecord("zF", 64)));
        string files = before[..before.IndexOf(".zstdfs", StringComparison.Ordinal)];
        Assert.That(Snapshot(inState: false), Is.EqualTo(files));
        _source.Check(new CheckOptions { Repair = true });
        Assert.That(_source.Faults.Select(static f => (f.Kind, f.IsMended)),
            Is.EqualTo(name == "plain" ? [] : new[] { (FaultKind.Newer, false) }));
        Assert.That(Attribute(name, RecordAttribute), Is.EqualTo(NewerRecord("zF", 64)));
    }

    private void RequireRefused(string path)
    {
        // What would be mended without it.
        _source.Write(".zstdfs/working/commit-0010000000000001-1-9", [1]);
        SetAttribute("a.zst", RecordAttribute, [1, 2, 3]);
        string before = Snapshot();
        Action[] uses =
        [
            () => Open(new FileSystemOptions()).Dispose(),
            () => _source.Convert(),
            () => _source.Convert(new ConversionOptions { Kind = ConversionKind.Revert }),
            () => _source.Convert(new ConversionOptions { Kind = ConversionKind.Recompress, Level = 19 }),
        ];
        foreach (Action use in uses)
        {
            SourceException? refused = Assert.Throws<SourceException>(() => use());
            Assert.That(refused!.Message, Is.EqualTo($"{path} was written by a newer zstdfs; use that version"));
            Assert.That(refused.Problem, Is.EqualTo(SourceProblem.DamagedState));
            Assert.That(Snapshot(), Is.EqualTo(before), "nothing is changed");
        }
        _source.Check(new CheckOptions { Repair = true });
        Fault newer = _source.Faults.Single(static f => f.Kind == FaultKind.Newer);
        Assert.That(Encoding.UTF8.GetString(newer.Path), Is.EqualTo(path));
        Assert.That(_source.Faults.Where(static f => f.IsMended), Is.Empty);
        Assert.That(_source.Faults.Count(f => f.Path.AsSpan().SequenceEqual(newer.Path)), Is.EqualTo(1));
        Assert.That(Snapshot(), Is.EqualTo(before));
    }

    private ZstdFileSystem Open(FileSystemOptions options) =>
        ServedSource.Open(_source.Open(), options, this).FileSystem;

    private static byte[] NewerRecord(string magic, int length)
    {
        byte[] record = new byte[length];
        Encoding.ASCII.GetBytes(magic, record);
        record[2] = 3;
        return record;
    }

    private void SetAttribute(string file, string name, byte[] value)
    {
        using FileDescriptor opened = _source.OpenFile(file);
        Assert.That(ExtendedAttributes.Set(opened, Terminated(name), value, 0), Is.Zero);
    }

    private byte[] Attribute(string file, string name)
    {
        byte[] value = new byte[ExtendedAttributes.LongestBytes];
        using FileDescriptor opened = _source.OpenFile(file);
        return value[..Math.Max(0, ExtendedAttributes.Get(opened, Terminated(name), value))];
    }

    private static NativeName Terminated(string name) => new(Encoding.ASCII.GetBytes(name + "\0"));

    /// <summary>Every file with its content and our attributes; those of the state folder come last.</summary>
    private string Snapshot(bool inState = true) => string.Join('\n', Directory
        .EnumerateFiles(_source.Path, "*", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(_source.Path, path))
        .Where(name => inState || !name.StartsWith(".zstdfs", StringComparison.Ordinal))
        .OrderBy(static name => name.StartsWith(".zstdfs", StringComparison.Ordinal))
        .ThenBy(static name => name, StringComparer.Ordinal)
        .Select(name => string.Join(' ', name, Convert.ToHexString(File.ReadAllBytes($"{_source.Path}/{name}")),
            Convert.ToHexString(Attribute(name, RecordAttribute)),
            Convert.ToHexString(Attribute(name, WorkingAttribute))))) + (inState ? "" : "\n");

    public void Information(string message) => _log.Add(message);

    public void Warning(string message) => _log.Add(message);

    public void Error(string message) => _log.Add(message);
}
