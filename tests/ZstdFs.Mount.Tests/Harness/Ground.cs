namespace ZstdFs.Mount.Tests.Harness;

/// <summary>Where a test works.</summary>
/// <param name="IsMount">A mount by the real program; otherwise an ordinary folder: the control, which shows that the
/// test expects what Linux does.</param>
/// <param name="FileSystem">Type of the file system below, one of <see cref="LoopImage.Types"/>; null for the machine's
/// own.</param>
/// <param name="User">Who mounts, and does what the test does.</param>
/// <param name="Inodes">What <c>--inodes</c> says; null for the default.</param>
internal sealed record Ground(bool IsMount, string? FileSystem = null, ShellUser User = ShellUser.Same,
    string? Inodes = null)
{
    internal IReadOnlyList<string> Options => Inodes is null ? [] : ["--inodes=" + Inodes];

    /// <summary>As it is named in a fixture's name.</summary>
    public override string ToString() => string.Join(' ', new[]
    {
        IsMount ? "Mount" : "Plain", FileSystem, User == ShellUser.Ordinary ? "unprivileged" : null, Inodes,
    }.Where(part => part is not null));
}

/// <summary>
/// The grounds that fixtures run on: each kind of mount over each file system, and each file system without one.
/// </summary>
internal static class Grounds
{
    private static readonly Ground[] Usual = [new(IsMount: false), new(IsMount: true)];

    /// <summary>Between them they have two file systems, the other inode store and the other kind of mount.</summary>
    private static readonly Ground[] Representative =
        [new(IsMount: true, "xfs", Inodes: "rocksdb"), new(IsMount: true, "btrfs", ShellUser.Ordinary)];

    private static IEnumerable<Ground> Matrix =>
        LoopImage.Types.SelectMany(type => new Ground[]
        {
            new(IsMount: false, type), new(IsMount: false, type, ShellUser.Ordinary),
            new(IsMount: true, type), new(IsMount: true, type, Inodes: "rocksdb"),
                new(IsMount: true, type, ShellUser.Ordinary),
        });

    /// <summary>For cases of single calls: a part of the matrix by default.</summary>
    internal static IEnumerable<TestFixtureData> ForCalls => Data([.. Usual, .. Representative]);

    /// <summary>For cases of single calls that an ordinary user may not make.</summary>
    internal static IEnumerable<TestFixtureData> ForRootsCalls =>
        ForCalls.Where(data => ((Ground)data.Arguments[0]!).User == ShellUser.Same);

    /// <summary>For what takes long: the machine's own file system alone.</summary>
    internal static IEnumerable<TestFixtureData> OnOwnFileSystem =>
        Usual.Select(ground => new TestFixtureData(ground).SetArgDisplayNames(ground.ToString()));

    /// <summary>For whole programs, which take longer: none of the matrix by default.</summary>
    internal static IEnumerable<TestFixtureData> ForPrograms => Data(Usual);

    private static IEnumerable<TestFixtureData> Data(Ground[] byDefault)
    {
        foreach (Ground ground in byDefault.Union(Matrix))
        {
            TestFixtureData data = new TestFixtureData(ground).SetArgDisplayNames(ground.ToString());
            if (!byDefault.Contains(ground))
                data.Properties.Add("Category", "Long");
            yield return data;
        }
    }
}
