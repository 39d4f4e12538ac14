using System.Text.Encodings.Web;
using System.Text.Json;

namespace ZstdFs.Cli.Tools;

/// <summary>One JSON object on standard output.</summary>
internal static class JsonOutput
{
    internal static void Write(Action<Utf8JsonWriter> content)
    {
        using Stream output = Console.OpenStandardOutput();
        using (var writer = new Utf8JsonWriter(output,
            new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            content(writer);
            writer.WriteEndObject();
        }
        output.Write("\n"u8);
    }
}
