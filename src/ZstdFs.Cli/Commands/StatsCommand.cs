using System.CommandLine;
using System.Text.Json;
using ZstdFs.Cli.Mounting;
using ZstdFs.Cli.Options;
using ZstdFs.Cli.Tools;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Insight;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Commands;

/// <summary><c>zstdfs stats</c>: what compression saves.</summary>
internal static class StatsCommand
{
    private static readonly Argument<string> Folder =
        new("FOLDER") { Description = "A source, a mount, or a folder in one of them." };
    private static readonly Option<string?> Top =
        new("--top") { HelpName = "N", Description = "How many types and folders are listed. Default: 10." };
    private static readonly Option<string?> Depth =
        new("--depth") { HelpName = "N", Description = "How deep folders are told apart. Default: 1." };
    private static readonly ToolOptions Common = new();
    private static readonly Option<bool> Json = Common.Json;

    internal static Command Create()
    {
        var command = new Command("stats",
            "Tells what compression saves below FOLDER: by type of file, by folder, in all. "
            + "Changes nothing, and works beside a mount.")
        {
            Folder, Top, Depth, Common.Codec, Json
        };
        command.SetAction(parsed => (int)Run(parsed));
        return command;
    }

    private static ExitCode Run(ParseResult parsed)
    {
        int top = Count(parsed, Top, 10), depth = Count(parsed, Depth, 1);
        var codec = Codec.Of(Common.CodecChoice(parsed));
        string text = parsed.GetRequiredValue(Folder);
        Folder folder = NamedSource.OpenFolder(text, NativeText.Printable(text));
        using var interruption = new Interruption();
        bool isMount = NamedSource.MountOf(folder) is not null;
        TreeStatistics statistics =
            TreeStatistics.Collect(folder.Handle, isMount, depth, codec, NameUnreadable, interruption.Token);
        if (parsed.GetValue(Json))
            JsonOutput.Write(writer => WriteJson(writer, statistics));
        else
            WriteTables(statistics, top, isMount);
        if (statistics.Unreadable > 0)
            Console.Error.WriteLine($"zstdfs: {statistics.Unreadable} files or folders could not be read");
        return interruption.Token.IsCancellationRequested || statistics.Unreadable > 0
            ? ExitCode.SomeLeft
            : ExitCode.Success;
    }

    private static void NameUnreadable(byte[] path, Errno error) => Console.Error.WriteLine(
        $"zstdfs: '{(path is [] ? "." : NativeText.Printable(NativeText.Decode(path)))}' could not be read ({error})");

    private static int Count(ParseResult parsed, Option<string?> option, int otherwise) =>
        !ToolOptions.Given(parsed, option) ? otherwise
        : int.TryParse(parsed.GetValue(option), System.Globalization.NumberStyles.None, null, out int count) ? count
        : throw new CommandFailure(ExitCode.Usage,
            $"option '{option.Name}' does not take '{parsed.GetValue(option)}': give a number");

    private static void WriteTables(TreeStatistics statistics, int top, bool isMount)
    {
        Write("type", statistics.Types, top, g => g.Name.Length == 0 ? "(none)" : Name(g));
        Console.Out.WriteLine();
        Write("folder", statistics.Folders, top, g => g.Name.Length == 0 ? "(here)" : Name(g) + "/");
        Console.Out.WriteLine();
        var table = Table("in all");
        Add(table, isMount ? "stored (space on disk)" : "stored", statistics.Total);
        if (statistics.Plain.Files > 0)
            Add(table, "not compressed", statistics.Plain);
        table.Write(Console.Out);
    }

    private static void Write(
        string title, IEnumerable<GroupStatistics> groups, int top, Func<GroupStatistics, string> name)
    {
        TextTable table = Table(title);
        foreach (GroupStatistics group in groups.Take(top))
            Add(table, name(group), group);
        table.Write(Console.Out);
    }

    private static TextTable Table(string title) => new(title, "files", "plain", "stored", "on disk", "ratio");

    private static void Add(TextTable table, string name, GroupStatistics group) => table.Add(
        name, TextTable.Number(group.Files), ByteText.Show(group.PlainBytes), ByteText.Show(group.StoredBytes),
        ByteText.Show(group.DiskBytes), ByteText.Ratio(group.PlainBytes, group.StoredBytes));

    private static string Name(GroupStatistics group) => NativeText.Printable(NativeText.Decode(group.Name));

    private static void WriteJson(Utf8JsonWriter writer, TreeStatistics statistics)
    {
        List("types", statistics.Types);
        List("folders", statistics.Folders);
        One("total", statistics.Total);
        One("notCompressed", statistics.Plain);
        writer.WriteNumber("unreadable", statistics.Unreadable);

        void List(string name, IEnumerable<GroupStatistics> groups)
        {
            writer.WriteStartArray(name);
            foreach (GroupStatistics group in groups)
            {
                writer.WriteStartObject();
                writer.WriteString("name", Name(group));
                Numbers(group);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
        }

        void One(string name, GroupStatistics group)
        {
            writer.WriteStartObject(name);
            Numbers(group);
            writer.WriteEndObject();
        }

        void Numbers(GroupStatistics group)
        {
            writer.WriteNumber("files", group.Files);
            writer.WriteNumber("plainBytes", group.PlainBytes);
            writer.WriteNumber("storedBytes", group.StoredBytes);
            writer.WriteNumber("diskBytes", group.DiskBytes);
        }
    }
}
