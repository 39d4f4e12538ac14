using System.Text;

namespace ZstdFs.Linux;

/// <summary>One mount of this process's mount name space.</summary>
/// <param name="MountPoint">Absolute path, as bytes.</param>
/// <param name="Device">"major:minor" of the file system.</param>
/// <param name="FileSystemType">Such as "ext4" or "fuse.zstdfs".</param>
/// <param name="Source">What is mounted, as bytes: a device, or what a FUSE program says.</param>
/// <param name="SuperOptions">Options of the file system itself, such as "rw,user_id=0".</param>
public sealed record MountEntry(
    ReadOnlyMemory<byte> MountPoint, string Device, string FileSystemType, ReadOnlyMemory<byte> Source,
    string SuperOptions)
{
    /// <summary>Options of this mount alone, such as "rw,nosuid".</summary>
    public string Options { get; init; } = "";

    /// <summary>The FUSE mount's owner (<c>user_id=</c>); null for other file systems.</summary>
    public uint? UserId
    {
        get
        {
            foreach (string option in SuperOptions.Split(','))
            {
                if (option.StartsWith("user_id=", StringComparison.Ordinal)
                    && uint.TryParse(option.AsSpan(8), out uint user))
                    return user;
            }
            return null;
        }
    }
}

/// <summary>What is mounted where: /proc/PID/mountinfo, see proc_pid_mountinfo(5).</summary>
public static class MountTable
{
    /// <summary>
    /// All mounts in the order in which they were made visible: of several on one point the last is on top.
    /// </summary>
    public static IReadOnlyList<MountEntry> Read() => Parse(File.ReadAllBytes("/proc/self/mountinfo"));

    /// <summary>
    /// The mounts that another process sees; none where it is gone, or where this process may not look.
    /// </summary>
    public static IReadOnlyList<MountEntry> ReadOf(int process)
    {
        try
        {
            return Parse(File.ReadAllBytes($"/proc/{process}/mountinfo"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>
    /// The topmost mount whose root is exactly <paramref name="path"/>, an absolute path without symlinks; null where
    /// none is.
    /// </summary>
    public static MountEntry? Find(ReadOnlySpan<byte> path) => Find(Read(), path);

    /// <summary>The same in a table that was read before.</summary>
    public static MountEntry? Find(IReadOnlyList<MountEntry> mounts, ReadOnlySpan<byte> path)
    {
        for (int i = mounts.Count - 1; i >= 0; i--)
        {
            if (mounts[i].MountPoint.Span.SequenceEqual(path))
                return mounts[i];
        }
        return null;
    }

    /// <summary>Reads the file's format; lines that are not in it are left out.</summary>
    public static IReadOnlyList<MountEntry> Parse(ReadOnlySpan<byte> table)
    {
        var mounts = new List<MountEntry>();
        foreach (Range range in table.Split((byte)'\n'))
        {
            // 36 35 98:0 /root /mnt/point rw,noatime master:1 - ext3 /dev/root rw,errors=continue
            ReadOnlySpan<byte> line = table[range];
            int separator = line.IndexOf(" - "u8);
            if (separator < 0)
                continue;
            string[] left = Encoding.Latin1.GetString(line[..separator]).Split(' ');
            string[] right = Encoding.Latin1.GetString(line[(separator + 3)..]).Split(' ');
            if (left.Length >= 6 && right.Length >= 3)
                mounts.Add(new MountEntry(Unescape(left[4]), left[2], right[0], Unescape(right[1]), right[2])
                {
                    Options = left[5]
                });
        }
        return mounts;
    }

    // Space, tab, newline and backslash are written as a backslash and three octal digits.
    private static byte[] Unescape(string field)
    {
        var bytes = new List<byte>(field.Length);
        for (int i = 0; i < field.Length; i++)
        {
            if (field[i] == '\\' && i + 3 < field.Length)
            {
                bytes.Add((byte)(((field[i + 1] - '0') << 6) | ((field[i + 2] - '0') << 3) | (field[i + 3] - '0')));
                i += 3;
            }
            else
            {
                bytes.Add((byte)field[i]);
            }
        }
        return [.. bytes];
    }
}
