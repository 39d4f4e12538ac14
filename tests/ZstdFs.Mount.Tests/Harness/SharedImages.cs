namespace ZstdFs.Mount.Tests.Harness;

/// <summary>
/// One file system of each type for all tests that only need some of that type: making one takes as long as a test.
/// </summary>
internal static class SharedImages
{
    private const int SizeMib = 2048;

    private static readonly Dictionary<string, LoopImage> Images = [];

    /// <summary>The root of one, made at the first call. Whoever uses it leaves nothing in it.</summary>
    internal static string Root(string type)
    {
        if (!Images.TryGetValue(type, out LoopImage? image))
            Images.Add(type, image = LoopImage.Create(type, SizeMib));
        return image.Root;
    }

    /// <summary>After the last test.</summary>
    internal static void Remove()
    {
        foreach (LoopImage image in Images.Values)
            image.Dispose();
        Images.Clear();
    }
}
