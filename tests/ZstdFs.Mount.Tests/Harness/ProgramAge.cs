namespace ZstdFs.Mount.Tests.Harness;

/// <summary>Keeps the tests from passing or failing for a program that was built before the sources changed.</summary>
internal static class ProgramAge
{
    /// <summary>
    /// Fails where a file below <paramref name="sources"/> was written after the newest in <paramref name="program"/>.
    /// </summary>
    internal static void RequireNewest(string program, string sources)
    {
        Assert.That(Directory.Exists(program), $"{program} is not there: build ZstdFs.sln first");
        FileInfo built = Newest(program), source = Newest(sources);
        Assert.That(source.LastWriteTimeUtc, Is.LessThanOrEqualTo(built.LastWriteTimeUtc),
            $"{built.FullName} is older than {source.FullName}: build ZstdFs.sln first");
    }

    private static FileInfo Newest(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).MaxBy(file => file.LastWriteTimeUtc)
        ?? throw new FileNotFoundException($"{folder} holds no file");
}
