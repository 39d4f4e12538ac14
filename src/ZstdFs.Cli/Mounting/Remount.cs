using System.Text.Json;
using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// <c>mount -o remount,…</c>: read-only and back, access times, and what else the kernel keeps for each mount. The
/// daemon's other options stay as they are; a remount that would change one is refused, and the message names the
/// option.
/// </summary>
internal static class Remount
{
    /// <summary>
    /// Changes the mount on <paramref name="mountPoint"/> as <paramref name="lists"/> say, later entries winning. An
    /// option that repeats what the mount has is taken. With <paramref name="sloppy"/> it passes over unknown ones.
    /// </summary>
    internal static void Run(string mountPoint, IReadOnlyList<string> lists, bool sloppy)
    {
        using ControlledMount mount = ControlledMount.Find(mountPoint);
        if (mount.State == MountState.Dead)
            throw new CommandFailure(ExitCode.Failure,
                $"the daemon of '{mount.Text}' has died: run 'zstdfs unmount {mount.Text}' and mount again");
        using JsonDocument status = JsonDocument.Parse(mount.ReadStatus());
        JsonElement root = status.RootElement;
        string given = root.TryGetProperty("options", out JsonElement text) ? text.GetString()! : "";
        ulong flags = MountFlags.Of(mount.Entry);
        IReadOnlyList<string> refused = Refused(given, lists, sloppy, ref flags);
        if (refused.Count > 0)
            throw new CommandFailure(ExitCode.Usage,
                $"a remount cannot change {string.Join(", ", refused)}: unmount '{mount.Text}' and mount it again "
                    + "with that");
        if ((flags & MountCalls.ReadOnly) == 0 && root.GetProperty("read_only").GetBoolean())
            throw new CommandFailure(ExitCode.Usage,
                $"'{mount.Text}' was mounted read-only, so its daemon has not taken the source to write: unmount it "
                    + "and mount it without 'ro'");
        Apply(mount, flags);
        int untold = mount.TellFlags(flags);
        // As on a disk: the source of a read-only mount holds everything, for a snapshot or a backup of it.
        if ((flags & MountCalls.ReadOnly) != 0 && mount.Synchronize() is < 0 and var failed)
            throw new CommandFailure(ExitCode.NotCommitted,
                $"'{mount.Text}' is read-only now, but not everything could be stored ({(Errno)(-failed)}): the "
                    + "mount's log says which file and why");
        if (untold < 0)
            throw new CommandFailure(ExitCode.Failure,
                $"'{mount.Text}' is remounted, but its daemon moves access times as before ({(Errno)(-untold)}): it is "
                    + "of another version");
    }

    /// <summary>
    /// The entries that would change an option of the daemon, quoted. Those that change what the kernel keeps change
    /// <paramref name="flags"/>.
    /// </summary>
    /// <param name="given">What the mount was given, as one list.</param>
    /// <param name="lists">What the remount is given.</param>
    /// <param name="sloppy">Whether the remount passes over unknown entries.</param>
    /// <param name="flags">What the kernel keeps for the mount.</param>
    internal static IReadOnlyList<string> Refused(
        string given, IReadOnlyList<string> lists, bool sloppy, ref ulong flags)
    {
        // The mount took them: what is unknown there it passed over.
        MountOptions present = MountOptionList.Apply(new MountOptions(), given, sloppy: true);
        HashSet<string> passedOver =
            [.. MountOptionList.Read(given).Select(static e => e.Name).Where(static n => !MountOptionList.IsKnown(n))];
        var refused = new List<string>();
        foreach ((string name, string? value) in lists.SelectMany(MountOptionList.Read))
        {
            if (MountFlags.TryChange(name, ref flags) || MountOptionList.IsOfTheKernel(name)
                || passedOver.Contains(name) || sloppy && !MountOptionList.IsKnown(name))
                continue;
            if (MountOptionList.Change(present, name, value) != present)
                refused.Add($"'{name}'");
        }
        return [.. refused.Distinct()];
    }

    private static void Apply(ControlledMount mount, ulong flags)
    {
        int result = MountCalls.Remount(new NativeName([.. mount.Path, 0]), flags);
        if (result >= 0)
            return;
        throw (Errno)(-result) switch
        {
            Errno.EBUSY => new CommandFailure(ExitCode.Busy,
                $"'{mount.Text}' has files open for writing, so it stays as it is: 'fuser -vm {mount.Text}' shows who "
                    + "uses it"),
            Errno.EPERM or Errno.EACCES => new CommandFailure(ExitCode.Failure,
                $"this user may not remount '{mount.Text}': only root may; unmount it and mount it again"),
            var other => new CommandFailure(ExitCode.Failure, $"'{mount.Text}' cannot be remounted ({other})"),
        };
    }
}
