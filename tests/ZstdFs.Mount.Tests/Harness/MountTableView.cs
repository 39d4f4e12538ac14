namespace ZstdFs.Mount.Tests.Harness;

/// <summary>The kernel's mount table, read without the code under test.</summary>
internal static class MountTableView
{
    /// <summary>
    /// Type of the topmost mount on <paramref name="path"/>; null where nothing is mounted. Asks nothing of the mount
    /// itself.
    /// </summary>
    internal static string? TypeOf(string path) => Fields(path)?.Type;

    /// <summary>Minor device number of the mount: its number under /sys/fs/fuse/connections.</summary>
    internal static string? ConnectionOf(string path) => Fields(path)?.Device.Split(':')[1];

    /// <summary>Options of the mount and of its file system.</summary>
    internal static string[] OptionsOf(string path) => Fields(path)?.Options ?? [];

    private static (string Device, string Type, string[] Options)? Fields(string path)
    {
        string escaped = path.Replace(" ", "\\040", StringComparison.Ordinal);
        string? line = File.ReadLines("/proc/self/mountinfo").LastOrDefault(l => l.Split(' ')[4] == escaped);
        if (line is null)
            return null;
        string[] left = line[..line.IndexOf(" - ", StringComparison.Ordinal)].Split(' '),
            right = line[(line.IndexOf(" - ", StringComparison.Ordinal) + 3)..].Split(' ');
        return (left[2], right[0], [.. left[5].Split(','), .. right[2].Split(',')]);
    }
}
