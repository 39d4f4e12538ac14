using System.CommandLine;
using System.CommandLine.Help;

namespace ZstdFs.Cli.Commands;

/// <summary>The program's command line: what there is to call, and its help.</summary>
internal static class ZstdFsCommand
{
    internal static Command Create()
    {
        // Not a RootCommand: the native program's would get the name that the program was called by, without what looks
        // like an extension. Then mount.zstdfs would have two commands called mount.
        var root = new Command("zstdfs",
            "Shows a folder of .zst files as the plain files they hold, to read and to write. "
            + "Whatever is written there is stored as ordinary .zst files, which "
            + "'zstd -d' reads without this program.");
        Command mount = MountCommand.Create(), unmount = UnmountCommand.Create(), sync = SyncCommand.Create(),
            convert = ConvertCommand.Create();
        Command recompress = RecompressCommand.Create(), stats = StatsCommand.Create(), info = InfoCommand.Create(),
            check = CheckCommand.Create();
        root.Subcommands.Add(mount);
        root.Subcommands.Add(unmount);
        root.Subcommands.Add(sync);
        Command status = StatusCommand.Create();
        root.Subcommands.Add(status);
        foreach (Command tool in new[] { convert, check, recompress, stats, info })
            root.Subcommands.Add(tool);

        var help = new HelpOption();
        root.Options.Add(help);
        root.Options.Add(new VersionOption { Action = new VersionWithCodec() });
        help.Action = new HelpWithExamples((HelpAction)help.Action!, new Dictionary<Command, string[]>
        {
            [root] =
            [
                "zstdfs mount ~/logs.zst ~/logs     show the .zst files in ~/logs.zst as plain files in ~/logs",
                "zstdfs unmount ~/logs              store what was written and end"
            ],
            [mount] =
            [
                "zstdfs mount /data/logs.zst /logs                      "
                    + "in the background; returns when /logs can be used",
                "zstdfs mount -o allow_other,noexec /data/logs /logs    for every user of this machine (as root)",
                "zstdfs mount --level 9 --frame-size 1M /data /data     "
                    + "on the source itself; smaller files, slower writing",
                "zstdfs mount -f --log-file /tmp/log /data/logs /logs   in the foreground, until Ctrl-C",
                "In /etc/fstab:  /data/logs.zst  /logs  fuse.zstdfs  allow_other,level=9,_netdev  0  0",
            ],
            [unmount] =
                ["zstdfs unmount /logs     returns when everything is stored in the source and the daemon has ended"],
            [convert] =
            [
                "zstdfs convert --dry-run ~/logs                what would be saved, by type of file",
                "zstdfs convert --level 9 ~/logs                in place; then: zstdfs mount ~/logs ~/logs",
                "zstdfs convert --exclude '*.jpg' --limit-rate 50M /srv/data",
                "zstdfs convert --revert ~/logs                 a plain folder again",
            ],
            [check] =
            [
                "zstdfs check /srv/logs.zst                            "
                    + "names, records, frames; a few seconds for a large tree",
                "zstdfs check --data --limit-rate 100M /srv/logs.zst   every checksum; Ctrl-C, then --resume goes on",
                "zstdfs check --repair /srv/logs.zst                   "
                    + "mends records, inode numbers and leftovers, never content",
            ],
            [recompress] =
            [
                "zstdfs recompress --level 19 --cold 30d --if-saves 5% /srv/logs     smaller, for what nobody reads",
                "zstdfs recompress --level 1 --if-saves 0 /srv/build                 faster to write again, if larger",
            ],
            [stats] =
            [
                "zstdfs stats /srv/logs.zst     a source",
                "zstdfs stats --top 30 --depth 2 /logs     a mount, by the space on disk"
            ],
            [info] =
            [
                "zstdfs info /srv/logs.zst/a.json.zst     in a source",
                "zstdfs info /logs/a.json                  the same file in its mount"
            ],
            [status] =
            [
                "zstdfs status /logs     what is not in the source yet; "
                    + "ends with 7 where something could not be stored"
            ],
            [sync] = ["zstdfs sync /logs     returns when everything closed so far would survive a power cut"],
        });
        return root;
    }
}
