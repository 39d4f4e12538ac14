using System.Text;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Core.Checking;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.State;

/// <summary>A pipe without a writer, under the name of a state file, does not hang a mount or a tool.</summary>
internal sealed class PipeInStateTests
{
    private const uint Pipe = 0x1000 | 0b110_000_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static void With(string name, Action<TestSource> work)
    {
        using var source = new TestSource();
        source.Write("a", [1]);
        source.Convert();
        string path = $"{source.Path}/.zstdfs/{name}";
        File.Delete(path);
        using (var tree = new SourceTree(source.Open(), readOnly: false))
            Assert.That(
                SystemCallsAt.MakeNode(
                    tree.Root, new NativeName(Encoding.UTF8.GetBytes($".zstdfs/{name}\0")), Pipe, 0),
                Is.Zero);
        Task task = Task.Run(() => work(source));
        bool ends = task.Wait(Patience);
        if (!ends)
        {
            // Lets the open go on that waits for a writer.
            while (!task.IsCompleted)
                new FileStream(path, FileMode.Open, FileAccess.Write).Dispose();
        }
        Assert.That(ends, Is.True, $"a pipe '{name}' is waited for");
    }

    [Test]
    public void State_IsNotWaitedForByAReadOnlyMount() => With("state", source =>
    {
        using var tree = new SourceTree(source.Open(), readOnly: true);
        Assert.That(EarlierMounts.Read(tree), Is.Null);
    });

    [Test]
    public void State_IsNotWaitedForByAMount() => With("state", source =>
    {
        using var tree = new SourceTree(source.Open(), readOnly: false);
        try
        {
            StateFolder.TryOpen(tree, out _)?.Dispose();
        }
        catch (SourceException)
        {
            // Refused is as good.
        }
    });

    [TestCase("state")]
    [TestCase("check")]
    [TestCase("names")]
    [TestCase("folders")]
    [TestCase("conversion-0")]
    [TestCase("lock")]
    public void Pipe_IsNotWaitedForByACheck(string name) => With(name, source =>
    {
        source.Check(new CheckOptions { Data = true, Resume = true });
        new SourceCheck(new CheckOptions(), source).Run(source.Open(), [], default);
    });

    [Test]
    public void Journal_IsNotWaitedForByAConversion() => With("conversion-0", source =>
    {
        using var tree = new SourceTree(source.Open(), readOnly: false);
        Assert.That(
            tree.OpenListing(tree.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder),
            Is.GreaterThanOrEqualTo(0));
        using (folder)
            Assert.That(ConversionJournal.TryRead(folder, 0), Is.Null);
    });
}
