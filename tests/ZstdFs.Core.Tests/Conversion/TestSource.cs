using System.Text;
using ZstdFs.Core.Checking;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Conversion;

/// <summary>A folder that conversions and checks are run on, in this process.</summary>
internal sealed class TestSource : IDisposable, IConversionObserver, ICheckObserver
{
    private readonly Lock _gate = new(); // guards the lists: threads tell

    internal string Path { get; } = Directory.CreateTempSubdirectory("zstdfs-test-").FullName;

    internal List<string> LeftFiles { get; } = [];

    internal List<Fault> Faults { get; } = [];

    internal FileDescriptor Open()
    {
        Assert.That(SystemCallsAt.Open(Name(Path), OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor root), Is.GreaterThanOrEqualTo(0));
        return root;
    }

    internal FileDescriptor OpenFile(string name)
    {
        Assert.That(SystemCallsAt.Open(Name($"{Path}/{name}"), OpenFlags.ReadWrite, out FileDescriptor file), Is.GreaterThanOrEqualTo(0));
        return file;
    }

    internal void Write(string name, byte[] content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName($"{Path}/{name}")!);
        File.WriteAllBytes($"{Path}/{name}", content);
    }

    internal ConversionProgress Convert(ConversionOptions? options = null, CancellationToken cancellation = default)
    {
        using TreeConversion conversion = TreeConversion.Open(Open(), default, options ?? new ConversionOptions(), this);
        conversion.Run(cancellation);
        return conversion.Progress;
    }

    internal void Check(CheckOptions? options = null)
    {
        Faults.Clear();
        new SourceCheck(options ?? new CheckOptions(), this).Run(Open(), [], default);
    }

    /// <summary>Does something with the source's state, as whoever has its lock.</summary>
    internal void WithState(Action<SourceTree, StateFolder> work)
    {
        using var source = new SourceTree(Open(), readOnly: false);
        using StateFolder state = StateFolder.TryOpen(source, out _)!;
        work(source, state);
    }

    /// <summary>Leaves the journal of one file's conversion, as a run that was killed does.</summary>
    internal void WithJournal(SwapJob job)
    {
        Assert.That(SystemCallsAt.Open(Name($"{Path}/.zstdfs"), OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor folder), Is.GreaterThanOrEqualTo(0));
        using (folder)
            Assert.That(ConversionJournal.Of([job], keepsFolderTimes: false).Write(folder, slot: 0), Is.GreaterThanOrEqualTo(0));
    }

    public void Left(ReadOnlySpan<byte> path, LeftReason reason, string detail)
    {
        string text = $"{Encoding.UTF8.GetString(path)}: {reason}";
        lock (_gate)
            LeftFiles.Add(text);
    }

    public void Found(Fault fault)
    {
        lock (_gate)
            Faults.Add(fault);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static NativeName Name(string path) => new(Encoding.UTF8.GetBytes(path + "\0"));
}
