using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.Tests.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Conversion;

/// <summary>The steps of a conversion beside a live mount, with a change in the source between two of them.</summary>
[TestFixture]
internal sealed class FileConverterTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    /// <summary>A power cut may bring the old name back. Without its journal both would be the user's.</summary>
    [Test]
    public void JournalOfABatch_StaysUntilItsRemovalsAreOnDisk()
    {
        _source.WithState((tree, state) =>
        {
            FileDescriptor root = _source.Open();
            Assert.That(SystemCallsAt.Stat(root, out Statx ofRoot), Is.Zero);
            var folder = new SourceFolder(root, [], ofRoot);
            string[] names = [.. Enumerable.Range(0, 5).Select(static i => $"x{i}")];
            using (var converter = new FileConverter(tree, state, new ConversionOptions { Jobs = 1 }, _source))
            {
                foreach ((int i, string name) in names.Index())
                {
                    _source.Write(name, Samples.Text(5000));
                    var job = new SwapJob([new SwapName(folder, Native(name), Native(name + ".zst"))], Look(name));
                    Assert.That(converter.Open(job), Is.True);
                    converter.Write([job], default);
                    Assert.That(converter.MakeDurable([job]), Is.GreaterThanOrEqualTo(0));
                    Assert.That(Journalled(state), Is.SupersetOf(names[Math.Max(0, i - 1)..(i + 1)]));
                    converter.Compare([job]);
                    Assert.That(converter.Publish(job) && converter.Retire(job), Is.True);
                    converter.Abandon(job);
                }
            }
            Assert.That(Journalled(state), Is.Empty);
            folder.Release();
        });
    }

    private static byte[] Native(string name) => System.Text.Encoding.ASCII.GetBytes(name + '\0');

    private static string[] Journalled(StateFolder state) =>
    [
        .. Enumerable.Range(0, ConversionJournal.Slots)
            .SelectMany(slot => ConversionJournal.TryRead(state.Folder, slot)?.Names ?? [])
            .Select(static n => System.Text.Encoding.ASCII.GetString(n.Original).TrimEnd('\0')),
    ];

    [Test]
    public void ChangedAfterTheNewName_KeepsTheOldOneWithTheChange(
        [Values("none", "mode", "attribute", "link")] string change)
    {
        _source.Write("x", Samples.Text(5000));
        string plain = $"{_source.Path}/x", stored = plain + ".zst";
        _source.WithState((tree, state) =>
        {
            FileDescriptor root = _source.Open();
            Assert.That(SystemCallsAt.Stat(root, out Statx ofRoot), Is.Zero);
            var folder = new SourceFolder(root, [], ofRoot);
            var job = new SwapJob([new SwapName(folder, "x\0"u8.ToArray(), "x.zst\0"u8.ToArray())], Look("x"));
            using (var converter = new FileConverter(tree, state, new ConversionOptions { Jobs = 1 }, _source))
            {
                Assert.That(converter.Open(job), Is.True);
                converter.Write([job], default);
                Assert.That(converter.MakeDurable([job]), Is.GreaterThanOrEqualTo(0));
                converter.Compare([job]);
                Assert.That(converter.Publish(job) && File.Exists(stored), Is.True);
                if (change != "none")
                    Change(change);
                Assert.That(converter.Retire(job), Is.EqualTo(change == "none"));
                Assert.That(job.Published, Is.EqualTo(change == "none" ? 1 : 0));
                converter.Abandon(job);
            }
            folder.Release();
        });
        Assert.That((File.Exists(plain), File.Exists(stored)), Is.EqualTo((change != "none", change == "none")));
        Assert.That(_source.LeftFiles, Is.EqualTo(change == "none" ? [] : new[] { "x: Changed" }));
    }

    private void Change(string what)
    {
        string file = $"{_source.Path}/x";
        (string program, string[] words) = what switch
        {
            "mode" => ("chmod", ["400", file]),
            "link" => ("ln", [file, $"{_source.Path}/y"]),
            _ => ("setfattr", (string[])["-n", "user.a", "-v", "b", file]),
        };
        using var process = System.Diagnostics.Process.Start(program, words);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero);
    }

    private Statx Look(string name)
    {
        using FileDescriptor file = _source.OpenFile(name);
        Assert.That(SystemCallsAt.Stat(file, out Statx stat), Is.Zero);
        return stat;
    }
}
