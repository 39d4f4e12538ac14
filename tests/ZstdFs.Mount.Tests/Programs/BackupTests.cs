using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>
/// Backup programs decide by number, size and times what to read again: over an unchanged mount nothing, after one file
/// was rewritten that one.
/// </summary>
[Category("Long")]
internal sealed class BackupTests
{
    private const int Files = 60;

    [Test]
    public void Borg_ReadsOnlyWhatWasRewritten()
    {
        BackupPrograms.Require("borg");
        using MountedFolder folder = Filled();
        string repository = folder.Source + "-borg";
        string borg = $"export BORG_BASE_DIR='{repository}-home' BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes; "
            + $"cd '{folder.Mount}' && borg";
        Shell.Get($"{borg} init -e none '{repository}'");
        Assert.That(Read("one"), Is.EqualTo(Files + 1), "the first reads all");
        folder.Remount();
        Assert.That(Read("two"), Is.Zero, "after a remount");
        Rewrite(folder);
        AddNewest(folder);
        Assert.That(Read("three"), Is.EqualTo(1), "after one was rewritten");
        folder.Remount();
        Assert.That(Read("four"), Is.Zero);
        Shell.Get(
            $"cd '{folder.Mount}' && BORG_BASE_DIR='{repository}-home' BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes "
            + $"borg check --verify-data '{repository}' && [ -s d/17 ]",
            TimeSpan.FromMinutes(2));
        folder.Unmount();

        // borg reads the file that changed last always again: another might have changed in the same moment.
        int Read(string name)
        {
            ShellResult result =
                Shell.Run($"{borg} create --list --filter AMC '{repository}::{name}' .", TimeSpan.FromMinutes(2));
            Assert.That(result.ExitCode, Is.Zero, result.ToString);
            return result.Error.Split('\n')
                .Count(line => line.Length > 2 && "AMC".Contains(line[0], StringComparison.Ordinal) && line[1] == ' '
                    && !line.EndsWith("newest", StringComparison.Ordinal));
        }
    }

    [Test]
    public void Restic_ReadsOnlyWhatWasRewritten()
    {
        BackupPrograms.Require("restic");
        using MountedFolder folder = Filled();
        string repository = folder.Source + "-restic";
        string restic = $"export RESTIC_PASSWORD=test RESTIC_CACHE_DIR='{repository}-cache'; cd '{folder.Mount}' && "
            + $"restic -r '{repository}'";
        Shell.Get($"{restic} init");
        Assert.That(Changed(), Is.EqualTo((Files + 2, 0)), "the first reads all");
        folder.Remount();
        Assert.That(Changed(), Is.EqualTo((0, 0)), "after a remount");
        Rewrite(folder);
        Assert.That(Changed(), Is.EqualTo((0, 1)), "after one was rewritten");
        folder.Remount();
        Assert.That(Changed(), Is.EqualTo((0, 0)));
        Shell.Get(
            $"{restic} restore latest --target '{repository}-back' && "
            + $"rsync -aHAX --checksum --itemize-changes --delete '{repository}-back/' '{folder.Mount}/' | "
            + "grep -v '/$' | wc -l | grep -qx 0",
            TimeSpan.FromMinutes(2));
        folder.Unmount();

        (int New, int Changed) Changed()
        {
            string said = Shell.Get($"{restic} backup .", TimeSpan.FromMinutes(2));
            System.Text.RegularExpressions.Match files =
                System.Text.RegularExpressions.Regex.Match(said, @"Files:\s+(\d+) new,\s+(\d+) changed");
            Assert.That(files.Success, Is.True, said);
            return (int.Parse(files.Groups[1].Value, null), int.Parse(files.Groups[2].Value, null));
        }
    }

    private static MountedFolder Filled()
    {
        MountedFolder folder = MountedFolder.Create();
        Shell.Get(
            $"cd '{folder.Mount}' && mkdir d && for i in $(seq {Files}); do seq $((i * 100)) > d/$i; done && "
            + "head -c 3000000 /dev/urandom > large && sync -f large");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
        AddNewest(folder);
        return folder;
    }

    private static void Rewrite(MountedFolder folder)
    {
        Shell.Get($"cd '{folder.Mount}' && echo more >> d/17");
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
    }

    private static void AddNewest(MountedFolder folder) =>
        Shell.Get($"sleep 1.1; date > '{folder.Mount}/newest'; sleep 0.1");
}
