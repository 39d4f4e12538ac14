using System.Diagnostics;
using System.Text;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Tests.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Conversion;

/// <summary>Files with very many names, as snapshots by hard links make them: descriptors stay bounded.</summary>
[TestFixture]
[NonParallelizable] // the limit of descriptors is the process's
internal sealed class LinkConversionTests
{
    private TestSource _source = null!;

    [SetUp]
    public void MakeSource() => _source = new TestSource();

    [TearDown]
    public void RemoveSource() => _source.Dispose();

    [Test]
    public void MoreFoldersThanDescriptors_AllAreConverted()
    {
        const int Files = 12, Snapshots = 100;
        for (int i = 0; i < Files; i++)
            _source.Write($"0/d{i}/f", Samples.Text(100, i));
        Run("bash", "-c", $"cd '{_source.Path}' && for s in $(seq 1 {Snapshots - 1}); do cp -al 0 $s; done");
        long old = ResourceLimits.OpenFiles;
        Limit(1024);
        try
        {
            Assert.That(_source.Convert().Files, Is.EqualTo(Files));
        }
        finally
        {
            Limit(old);
        }
        Assert.That(_source.LeftFiles, Is.Empty);
        Assert.That(
            Directory.GetFiles(_source.Path, "f.zst", SearchOption.AllDirectories),
            Has.Length.EqualTo(Files * Snapshots));
        Assert.That(Directory.GetFiles(_source.Path, "f", SearchOption.AllDirectories), Is.Empty);
    }

    [Test]
    public void Chunks_HoldSoManyFilesAndFolders()
    {
        HardLinks.Group shared = Group("a", "b"), other = Group("c", "d"), wide = Group("e", "f", "g", "h", "i");
        Assert.That(Cut([shared, shared, other, shared, wide, wide, shared], 3, 4),
            Is.EqualTo(new[] { 3, 1, 2, 1 }), "a wide one is a chunk by itself, with others of its very folders");
    }

    private static HardLinks.Group Group(params string[] folders)
    {
        var group = new HardLinks.Group((uint)folders.Length);
        foreach (string folder in folders)
            group.Names.Add((Encoding.ASCII.GetBytes(folder), [], []));
        return group;
    }

    private static int[] Cut(HardLinks.Group[] groups, int files, int folders) =>
        [.. groups.Chunks(files, folders).Select(static c => c.Count)];

    private static void Limit(long files) => Run("prlimit", "--pid", $"{Environment.ProcessId}", $"--nofile={files}:");

    private static void Run(string program, params string[] words)
    {
        using Process process = Process.Start(program, words);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, program);
    }
}
