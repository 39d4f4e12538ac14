namespace ZstdFs.Mount.Tests.Harness;

/// <summary>Tests each of which has a mount of its own, whose source lies on a file system image of its own.</summary>
/// <param name="type">One of <see cref="LoopImage.Types"/>.</param>
/// <param name="sizeMib">Size of the image in MiB.</param>
internal abstract class MountOnImageTests(string type, int sizeMib)
{
    /// <summary>One of <see cref="LoopImage.Types"/>.</summary>
    private protected string FileSystemType => type;

    /// <summary>The file system that the source lies on.</summary>
    private protected LoopImage Image { get; private set; } = null!;

    /// <summary>The source and its mount.</summary>
    private protected MountedFolder Folder { get; private set; } = null!;

    [SetUp]
    public void Mount()
    {
        Image = LoopImage.Create(type, sizeMib);
        Folder = MountedFolder.Create(new MountSetup { SourceParent = Image.Root });
    }

    [TearDown]
    public void Remove()
    {
        Folder.Dispose();
        Image.Dispose();
    }
}
