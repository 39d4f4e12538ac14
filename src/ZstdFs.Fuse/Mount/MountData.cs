using System.Globalization;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Mount;

/// <summary>Options as mount(2) and as fusermount3 want them.</summary>
internal static class MountData
{
    /// <summary>MS_* of mount(2).</summary>
    internal static ulong Flags(FuseMountOptions options) =>
        (options.ReadOnly ? MountCalls.ReadOnly : 0) | (options.NoSuid ? MountCalls.NoSuid : 0)
        | (options.NoDev ? MountCalls.NoDev : 0)
        | (options.NoExec ? MountCalls.NoExec : 0) | (options.NoAtime ? MountCalls.NoAtime : 0)
        | (options.StrictAtime ? MountCalls.StrictAtime : 0)
        | (options.NoSymFollow ? MountCalls.NoSymFollow : 0);

    /// <summary>The data argument of mount(2).</summary>
    internal static string ForKernel(FuseMountOptions options, FileDescriptor device, MountPoint point)
    {
        const uint TypeBits = 0xf000; // S_IFMT
        string who = string.Create(CultureInfo.InvariantCulture,
            $"fd={device.Number},rootmode={Convert.ToString(point.Mode & TypeBits, 8)},"
                + $"user_id={Credentials.UserId},group_id={Credentials.GroupId}");
        return string.Join(',', Words(options).Prepend(who));
    }

    /// <summary>The -o argument of fusermount3, which adds nosuid and nodev itself where they are left out.</summary>
    internal static string ForFusermount(FuseMountOptions options)
    {
        var list = new List<string>
        {
            "fsname=" + Escape(options.Source), "subtype=" + Escape(options.Subtype), options.ReadOnly ? "ro" : "rw",
            "nosuid", "nodev"
        };
        if (options.NoExec)
            list.Add("noexec");
        if (options.NoAtime)
            list.Add("noatime");
        return string.Join(',', list.Concat(Words(options)));
    }

    // Options that the kernel's FUSE module reads itself.
    private static IEnumerable<string> Words(FuseMountOptions options)
    {
        if (options.DefaultPermissions)
            yield return "default_permissions";
        if (options.AllowOther)
            yield return "allow_other";
        if (options.MaxReadBytes > 0)
            yield return string.Create(CultureInfo.InvariantCulture, $"max_read={options.MaxReadBytes}");
    }

    // fusermount3 splits at commas and takes backslashes away.
    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
}
