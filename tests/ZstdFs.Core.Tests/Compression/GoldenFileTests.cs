using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>
/// testdata/frames: one content, stored by several programs. Kept for ever, so that what was once written stays
/// readable.
/// </summary>
internal sealed class GoldenFileTests
{
    private static readonly string Folder = FindFolder();

    private static IEnumerable<string> Names =>
        Directory.EnumerateFiles(Folder, "*.zst").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);

    [Test]
    public void Read_GoldenFile_IsTheContent([ValueSource(nameof(Names))] string name,
        [Values(CodecChoice.Native, CodecChoice.Managed)] CodecChoice codec)
    {
        using var folder = new TestFolder(codec);
        StoredFileReader reader = folder.Reader(Path.Combine(Folder, name));
        ReaderCheck.Reads(reader, File.ReadAllBytes(Path.Combine(Folder, "content.txt")));
        Assert.That(reader.Map.HasSeekTable, Is.EqualTo(name.StartsWith("seekable", StringComparison.Ordinal)));
    }

    [Test]
    public void Write_SeekTableOfTheGoldenFile_IsByteForByteTheSame()
    {
        using var folder = new TestFolder();
        byte[] stored = File.ReadAllBytes(Path.Combine(Folder, "seekable.zst"));
        FrameMap map = folder.Scan(stored);
        Assert.That(map.FrameCount, Is.EqualTo(3));
        Assert.That(map.IsUniform(1024));
        var table = new byte[SeekTable.BytesFor(3)];
        SeekTable.Write(map, table);
        Assert.That(table, Is.EqualTo(stored[(int)map.EndOfFrames..]));
    }

    private static string FindFolder()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "testdata", "frames");
            if (Directory.Exists(path))
                return path;
        }
        throw new DirectoryNotFoundException("testdata/frames");
    }
}
