namespace ZstdFs.Mount.Tests.Harness;

/// <summary>
/// A file system of its own for a source: another type, another size, or one that can be filled up. Root only.
/// </summary>
internal sealed class LoopImage : IDisposable
{
    private readonly string _folder;

    private LoopImage(string folder) => _folder = folder;

    /// <summary>The mounted file system's root.</summary>
    internal string Root => Path.Combine(_folder, "root");

    /// <summary>Types that <see cref="Create"/> knows.</summary>
    internal static readonly string[] Types = ["ext4", "btrfs", "xfs", "tmpfs"];

    /// <param name="type">One of <see cref="Types"/>.</param>
    /// <param name="sizeMib">Size in MiB; btrfs needs 114, xfs 300.</param>
    /// <param name="options">Mount options, such as "ro".</param>
    /// <param name="makeOptions">Options of mkfs.</param>
    internal static LoopImage Create(string type, int sizeMib = 512, string options = "defaults",
        string makeOptions = "")
    {
        TestMachine.RequireRoot("mounting a file system image");
        var image = new LoopImage(TestMachine.CreateFolder());
        Directory.CreateDirectory(image.Root);
        string file = Path.Combine(image._folder, "image");
        ShellResult made = type == "tmpfs"
            ? Shell.Run($"mount -t tmpfs -o size={sizeMib}m,{options} none '{image.Root}'")
            : Shell.Run(
                $"truncate -s {sizeMib}M '{file}' && mkfs.{type} -q {makeOptions} '{file}' && "
                + $"mount -o loop,{options} '{file}' '{image.Root}'");
        if (made.ExitCode != 0)
        {
            image.Dispose();
            TestMachine.CannotRun($"this machine cannot mount a {type} image: {made}");
        }
        return image;
    }

    /// <summary>Mounts it anew with these options, such as "ro".</summary>
    internal void Remount(string options) => Shell.Get($"mount -o remount,{options} '{Root}'");

    /// <summary>Takes it away, has it repaired and mounts it again. Nothing uses it.</summary>
    internal void Repair() =>
        Shell.Get(
            $"umount '{Root}'; fsck -fy '{_folder}/image' >&2; [ $? -le 2 ] && "
            + $"mount -o loop '{_folder}/image' '{Root}'");

    public void Dispose() =>
        Shell.Run($"mountpoint -q '{Root}' && umount '{Root}'; rm -rf --one-file-system -- '{_folder}'");
}
