using System.Diagnostics;
using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>A temporary folder, the stock tools run in it, and readers of the files in it.</summary>
internal sealed class TestFolder(CodecChoice codec = CodecChoice.Auto) : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private int _files;
    private ulong _cacheIds;

    internal string Path { get; } = Directory.CreateTempSubdirectory("zstdfs-test-").FullName;

    internal FrameCache Cache { get; init; } = new(16 << 20);

    internal CodecPool Codecs { get; init; } = new(4, new StreamBudget(new WindowLimit(Codec.Of(codec))));

    internal WindowLimit Windows => Codecs.Streams.Windows;

    internal string Write(byte[] content, string? name = null)
    {
        string path = System.IO.Path.Combine(Path, name ?? $"file{_files++}");
        File.WriteAllBytes(path, content);
        return path;
    }

    internal FileDescriptor Open(string path, int flags = OpenFlags.ReadOnly)
    {
        int result = SystemCallsAt.Open(Name(path), flags, out FileDescriptor file);
        Assert.That(result, Is.GreaterThanOrEqualTo(0), path);
        _owned.Add(file);
        return file;
    }

    internal FileDescriptor Open(byte[] content) => Open(Write(content));

    internal FileDescriptor Spill()
    {
        string path = Write([], $"spill{_files++}");
        FileDescriptor file = Open(path, OpenFlags.ReadWrite);
        File.Delete(path);
        return file;
    }

    internal StoredFileReader Reader(string path, bool spill = true, bool intact = false)
    {
        FileDescriptor stored = Open(path);
        long bytes = new FileInfo(path).Length;
        FrameMap map =
            intact ? FrameScanner.ScanIntact(stored, bytes, Windows).Map : FrameScanner.Scan(stored, bytes, Windows);
        var reader = new StoredFileReader(stored, map, ++_cacheIds, Cache, Codecs, spill ? Spill : null);
        _owned.Add(reader);
        return reader;
    }

    internal StoredFileReader Reader(byte[] stored, bool spill = true, bool intact = false) =>
        Reader(Write(stored), spill, intact);

    internal FrameMap Scan(byte[] stored) => FrameScanner.Scan(Open(stored), stored.Length, Windows);

    /// <summary>Runs a shell command in the folder; it must succeed. Returns what it put out.</summary>
    internal byte[] Run(string command)
    {
        var start = new ProcessStartInfo("/bin/bash") { WorkingDirectory = Path, RedirectStandardOutput = true,
            RedirectStandardError = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("set -o pipefail; " + command);
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{command}: {errors.Result}");
        return output.ToArray();
    }

    public void Dispose()
    {
        _owned.Reverse();
        foreach (IDisposable owned in _owned)
            owned.Dispose();
        Cache.Dispose();
        Codecs.Dispose();
        Directory.Delete(Path, recursive: true);
    }

    private static NativeName Name(string path) => new(Encoding.UTF8.GetBytes(path + "\0"));
}
