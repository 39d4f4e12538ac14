using System.CommandLine;
using System.Text.Json;
using ZstdFs.Cli.Mounting;
using ZstdFs.Cli.Tools;

namespace ZstdFs.Cli.Commands;

/// <summary><c>zstdfs status</c>: what a mount has still to store, and what it could not.</summary>
internal static class StatusCommand
{
    internal static Command Create()
    {
        var mountPoint = new Argument<string>("MOUNTPOINT") { Description = "The folder on which zstdfs is mounted." };
        Option<bool> json = new ToolOptions().Json;
        var command = new Command("status",
            "Tells what was written and is not in the source yet, and which files could not be stored and why.")
        {
            mountPoint, json
        };
        command.SetAction(parsed => (int)Run(parsed.GetRequiredValue(mountPoint), parsed.GetValue(json)));
        return command;
    }

    private static ExitCode Run(string text, bool asJson)
    {
        using ControlledMount mount = ControlledMount.Find(text);
        if (mount.State == MountState.Dead)
            throw new CommandFailure(ExitCode.NotCommitted,
                $"the daemon of '{mount.Text}' has died: run 'zstdfs unmount {mount.Text}' and mount again, which "
                    + "goes on with what was left");
        using JsonDocument status = JsonDocument.Parse(mount.ReadStatus());
        JsonElement root = status.RootElement;
        int failed = root.GetProperty("failed_files").GetInt32();
        if (asJson)
        {
            JsonOutput.Write(writer =>
            {
                foreach (JsonProperty property in root.EnumerateObject())
                    property.WriteTo(writer);
            });
        }
        else
            WriteText(root, failed);
        return failed > 0 ? ExitCode.NotCommitted : ExitCode.Success;
    }

    private static void WriteText(JsonElement root, int failed)
    {
        Console.Out.WriteLine($"{root.GetProperty("pending_files").GetInt32()} files with "
            + $"{root.GetProperty("pending_bytes").GetInt64()} bytes are not in the source yet; {failed} of them "
            + "could not be stored");
        if (ControlledMount.FailedInMemory(root) is > 0 and var inMemory)
            Console.Out.WriteLine(
                $"{inMemory} of those are in memory alone: without room at the last close, the old version comes back");
        long unexpected = root.TryGetProperty("unexpected_failures", out JsonElement counted) ? counted.GetInt64() : 0;
        if (unexpected > 0)
            Console.Out.WriteLine(
                $"{unexpected} times a fault of zstdfs itself was met since the mount began: the log names each");
        if (root.TryGetProperty("codec", out JsonElement codec))
            Console.Out.WriteLine($"codec: {codec.GetString()}");
        if (root.GetProperty("files").GetArrayLength() == 0)
            return;
        var table = new TextTable("file", "bytes", "state");
        foreach (JsonElement file in root.GetProperty("files").EnumerateArray())
        {
            bool isKept = !file.TryGetProperty("kept", out JsonElement kept) || kept.GetBoolean();
            string state = file.TryGetProperty("error", out JsonElement error)
                ? error.GetString()! + (isKept ? "" : ", in memory alone")
                : file.GetProperty("open_for_writing").GetBoolean() ? "open"
                : file.GetProperty("served_by_kernel").GetBoolean() ? "open or mapped"
                : "waiting";
            table.Add(
                Options.NativeText.Printable(file.GetProperty("path").GetString()!),
                TextTable.Number(file.GetProperty("bytes").GetInt64()),
                state);
        }
        table.Write(Console.Out);
    }
}
