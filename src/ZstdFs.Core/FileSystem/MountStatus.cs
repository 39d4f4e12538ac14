using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ZstdFs.Core.Content;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>What a mount has still to store, as JSON. <c>zstdfs status</c> asks the daemon for it.</summary>
internal static class MountStatus
{
    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    // Of the answer's bytes, as the options are written there: the rest must fit in too.
    private const int LongestOptions = ControlCommands.StatusBytes * 3 / 4;

    /// <summary>
    /// Fills <paramref name="output"/> with one JSON object and leaves the rest zero. The object names as many files as
    /// fit; its counts are of all files.
    /// </summary>
    internal static void Write(Volume volume, Span<byte> output)
    {
        FileContent[] held = volume.Contents.HoldUnsettled();
        try
        {
            // A file without a name is kept for the programs that have it open, and is never stored.
            FileContent[] dirty = [.. held.Where(static c => c.Node.HasName)];
            FileContent[] failed = [.. dirty.Where(static c => c.Outcome.Error < 0)];
            FileContent[] named = [.. failed, .. dirty.Except(failed)];
            int count = named.Length;
            byte[] json = ToJson(volume, dirty, failed, named);
            while (json.Length > output.Length && count > 0)
            {
                count /= 2;
                json = ToJson(volume, dirty, failed, named.AsSpan(0, count));
            }
            json.CopyTo(output);
        }
        finally
        {
            foreach (FileContent content in held)
                volume.Release(content);
        }
    }

    private static byte[] ToJson(
        Volume volume, FileContent[] dirty, FileContent[] failed, ReadOnlySpan<FileContent> named)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(
            stream, new JsonWriterOptions { Encoder = Encoder }))
        {
            json.WriteStartObject();
            json.WriteNumber("daemon", Environment.ProcessId);
            json.WriteBoolean("read_only", volume.IsReadOnly);
            if (volume.Services.Options.MountedWith is { Length: <= LongestOptions } options
                && !options.Any(char.IsSurrogate)
                && JsonEncodedText.Encode(options, Encoder) is { EncodedUtf8Bytes.Length: <= LongestOptions } encoded)
                json.WriteString("options", encoded);
            json.WriteString("codec", volume.Services.Codecs.Codec.Name);
            json.WriteNumber("pending_files", dirty.Length);
            json.WriteNumber("pending_bytes", dirty.Sum(static c => c.LogicalBytes));
            json.WriteNumber("failed_files", failed.Length);
            json.WriteNumber("failed_in_memory", failed.Count(c => !volume.Keeping.IsKept(c)));
            json.WriteNumber("unexpected_failures", volume.Services.Log.UnexpectedFailures);
            json.WriteStartArray("files");
            foreach (FileContent content in named)
            {
                json.WriteStartObject();
                json.WriteString("path", Encoding.UTF8.GetString(content.Node.LogicalPath()));
                json.WriteNumber("bytes", content.LogicalBytes);
                json.WriteBoolean("open_for_writing", content.Handles.Writable > 0);
                json.WriteBoolean("served_by_kernel", content.IsLent);
                json.WriteBoolean("kept", volume.Keeping.IsKept(content));
                if (content.Outcome.Error < 0)
                    json.WriteString("error", ((Errno)(-content.Outcome.Error)).ToString());
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return stream.ToArray();
    }
}
