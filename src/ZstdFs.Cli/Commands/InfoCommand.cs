using System.CommandLine;
using System.Text.Json;
using ZstdFs.Cli.Options;
using ZstdFs.Cli.Tools;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Insight;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Commands;

/// <summary><c>zstdfs info</c>: what is known of single files.</summary>
internal static class InfoCommand
{
    private static readonly Argument<string[]> Files = new("FILE")
    {
        Description = "Stored files (NAME.zst) in a source, or files in a mount.",
        Arity = ArgumentArity.OneOrMore
    };
    private static readonly ToolOptions Common = new();
    private static readonly Option<bool> Json = Common.Json;

    internal static Command Create()
    {
        var command = new Command("info",
            "Tells how files are stored: sizes, frames, seek table, checksums, inode numbers. "
            + "Changes nothing, and works beside a mount.")
        {
            Files, Common.Codec, Json
        };
        command.SetAction(parsed =>
            (int)Run(parsed.GetRequiredValue(Files), Codec.Of(Common.CodecChoice(parsed)), parsed.GetValue(Json)));
        return command;
    }

    private static ExitCode Run(string[] files, Codec codec, bool json)
    {
        var found = new List<(string Name, StoredFileFacts Facts)>();
        bool failed = false;
        foreach (string file in files)
        {
            string shown = NativeText.Printable(file);
            try
            {
                using FileDescriptor opened = NamedFile.Open(file, codec);
                found.Add((shown, StoredFileFacts.Of(opened, codec)));
            }
            catch (SourceException e)
            {
                Console.Error.WriteLine($"zstdfs: '{shown}' {e.Message}");
                failed = true;
            }
        }
        if (json)
            JsonOutput.Write(writer => WriteJson(writer, found));
        else
            WriteText(found);
        return failed ? ExitCode.SourceUnusable : ExitCode.Success;
    }

    private static void WriteText(List<(string Name, StoredFileFacts Facts)> files)
    {
        foreach ((string name, StoredFileFacts facts) in files)
        {
            Console.Out.WriteLine(name);
            Line("size", $"{facts.PlainBytes} ({ByteText.Show(facts.PlainBytes)})");
            Line("stored", $"{facts.StoredBytes} ({ByteText.Show(facts.StoredBytes)}), "
                + $"{ByteText.Show(facts.DiskBytes)} on disk, ratio "
                + $"{ByteText.Ratio(facts.PlainBytes, facts.StoredBytes)}");
            Line("frames", facts.FrameBytes > 0 && facts.Frames > 1
                ? $"{facts.Frames} of {ByteText.Show(facts.FrameBytes)}"
                : $"{facts.Frames}");
            Line("seek table", facts.HasSeekTable ? "yes"
                : facts.Frames > 1 ? "no: random reads find their frame more slowly"
                : "not needed");
            Line("checksums", facts.FramesWithChecksum == facts.Frames
                ? "in every frame"
                : $"in {facts.FramesWithChecksum} of {facts.Frames} frames");
            Line("level", facts.LevelText);
            Line("window", ByteText.Show(facts.WindowBytes));
            Line("inode", $"{facts.LogicalInode} as users see it, {facts.SourceInode} in the source, {facts.Links} "
                + $"{(facts.Links == 1 ? "name" : "names")}");
            Line("record", facts.Record);
            Line("dedup", "none");
            if (facts.Damage is { } damage)
                Line("damaged", damage);
            if (facts.NotDecodable is { } reason)
                Line("not decoded", reason);
        }
    }

    private static void Line(string key, string value) => Console.Out.WriteLine($"  {key,-11} {value}");

    private static void WriteJson(Utf8JsonWriter writer, List<(string Name, StoredFileFacts Facts)> files)
    {
        writer.WriteStartArray("files");
        foreach ((string name, StoredFileFacts facts) in files)
        {
            writer.WriteStartObject();
            writer.WriteString("name", name);
            writer.WriteNumber("plainBytes", facts.PlainBytes);
            writer.WriteNumber("storedBytes", facts.StoredBytes);
            writer.WriteNumber("diskBytes", facts.DiskBytes);
            writer.WriteNumber("frames", facts.Frames);
            writer.WriteNumber("frameBytes", facts.FrameBytes);
            writer.WriteBoolean("seekTable", facts.HasSeekTable);
            writer.WriteNumber("framesWithChecksum", facts.FramesWithChecksum);
            writer.WriteNumber("framesWithSize", facts.FramesWithSize);
            writer.WriteString("level", facts.LevelText);
            writer.WriteNumber("windowBytes", facts.WindowBytes);
            writer.WriteNumber("logicalInode", facts.LogicalInode);
            writer.WriteNumber("sourceInode", facts.SourceInode);
            writer.WriteNumber("links", facts.Links);
            writer.WriteString("record", facts.Record);
            writer.WriteString("damage", facts.Damage);
            writer.WriteString("notDecodable", facts.NotDecodable);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }
}
