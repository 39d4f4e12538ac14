using System.Globalization;
using System.Text;
using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// Where a file system is still mounted after one of its mounts went: bound to another folder, or in another mount
/// namespace. A container that starts copies every mount of the machine, and the kernel keeps the file system until the
/// last copy is gone.
/// </summary>
/// <param name="Places">Folders of this mount namespace.</param>
/// <param name="Processes">Processes of other mount namespaces, each as "123 (name)".</param>
internal sealed record RemainingMounts(IReadOnlyList<string> Places, IReadOnlyList<string> Processes)
{
    private const int MostNamed = 5;

    internal static RemainingMounts None { get; } = new([], []);

    internal bool Any => Places.Count > 0 || Processes.Count > 0;

    /// <summary>Looks through the mount tables of all processes that this one may look at.</summary>
    internal static RemainingMounts Find(string device)
    {
        string[] places =
            [.. MountTable.Read().Where(mount => IsOf(mount, device)).Select(mount => $"'{Shown(mount)}'")];
        var processes = new List<string>();
        string? here = NamespaceOf("self");
        // One look for each namespace. A process whose namespace the kernel does not tell gets a look of its own.
        var known = new Dictionary<string, bool>();
        foreach (int process in AllProcesses())
        {
            string? space = NamespaceOf(process.ToString(CultureInfo.InvariantCulture));
            if (space is null ? places.Length > 0 : space == here)
                continue;
            if (space is null || !known.TryGetValue(space, out bool hasIt))
                hasIt = IsSeenBy(process, device);
            if (space is not null)
                known[space] = hasIt;
            if (hasIt)
                processes.Add($"{process} ({NameOf(process)})");
        }
        return new RemainingMounts(places, processes);
    }

    /// <summary>The process has the file system in its mount table.</summary>
    internal static bool IsSeenBy(int process, string device) =>
        MountTable.ReadOf(process).Any(mount => IsOf(mount, device));

    /// <summary>This process has it in its mount table.</summary>
    internal static bool IsSeenHere(string device) => MountTable.Read().Any(mount => IsOf(mount, device));

    /// <summary>
    /// What tells the file system's connection from that of another one which gets its device number later. 0 where
    /// there is none, or where that cannot be known, because no fusectl is mounted.
    /// </summary>
    internal static ulong ConnectionOf(string device)
    {
        string number = device[(device.IndexOf(':', StringComparison.Ordinal) + 1)..];
        byte[] path = Encoding.ASCII.GetBytes($"/sys/fs/fuse/connections/{number}\0");
        if (SystemCallsAt.Open(new NativeName(path), OpenFlags.PathOnly | OpenFlags.Directory,
            out FileDescriptor folder) < 0)
            return 0;
        using (folder)
            return SystemCallsAt.Stat(folder, out Statx stat) >= 0 ? stat.InodeNumber : 0;
    }

    /// <summary>For a message: "on '/x' and in other mount namespaces, by process 123 (name)".</summary>
    public override string ToString()
    {
        string places = Places.Count == 0 ? "" : "on " + List(Places);
        string processes = Processes.Count == 0 ? "" : "in other mount namespaces, by process " + List(Processes);
        return places.Length > 0 && processes.Length > 0 ? $"{places} and {processes}" : places + processes;
    }

    // The kernel may have given a device number that became free to any other file system.
    private static bool IsOf(MountEntry mount, string device) =>
        mount.Device == device && mount.FileSystemType.StartsWith("fuse", StringComparison.Ordinal);

    private static string List(IReadOnlyList<string> items) =>
        string.Join(", ", items.Take(MostNamed))
        + (items.Count > MostNamed ? $" and {items.Count - MostNamed} more" : "");

    private static string Shown(MountEntry mount) =>
        NativeText.Printable(NativeText.Decode(mount.MountPoint.ToArray()));

    private static IEnumerable<int> AllProcesses() =>
        Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => name is [>= '0' and <= '9', ..])
            .Select(name => int.TryParse(name, CultureInfo.InvariantCulture, out int process) ? process : 0)
            .Where(process => process > 0);

    private static string? NamespaceOf(string process)
    {
        try
        {
            return new FileInfo($"/proc/{process}/ns/mnt").LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string NameOf(int process)
    {
        try
        {
            return NativeText.Printable(File.ReadAllText($"/proc/{process}/comm").TrimEnd('\n'));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "ended";
        }
    }
}
