using ZstdFs.Cli.Options;
using ZstdFs.Core.Checking;

namespace ZstdFs.Cli.Tools;

/// <summary>Faults as lines on standard output while they are found, or as JSON at the end.</summary>
internal sealed class FaultLines(bool json) : ICheckObserver
{
    private readonly Lock _gate = new(); // one line at a time; guards _faults
    private readonly List<Fault> _faults = [];

    public void Found(Fault fault)
    {
        lock (_gate)
        {
            if (json)
            {
                _faults.Add(fault);
                return;
            }
            string detail = fault.Detail.Length == 0 ? "" : ": " + NativeText.Printable(fault.Detail);
            string mended = fault.IsMended ? " [mended]" : "";
            Console.Out.WriteLine($"{Show(fault)}: {Kind(fault)}{detail}{mended}");
        }
    }

    internal void WriteJson(CheckProgress progress, bool interrupted) => JsonOutput.Write(writer =>
    {
        writer.WriteStartArray("faults");
        foreach (Fault fault in _faults)
        {
            writer.WriteStartObject();
            writer.WriteString("path", Show(fault));
            writer.WriteString("kind", Kind(fault));
            writer.WriteString("detail", NativeText.Printable(fault.Detail));
            writer.WriteBoolean("mended", fault.IsMended);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteNumber("files", progress.Files);
        writer.WriteNumber("storedBytes", progress.StoredBytes);
        writer.WriteNumber("decodedBytes", progress.PlainBytes);
        writer.WriteNumber("faultsFound", progress.Faults);
        writer.WriteNumber("faultsMended", progress.Mended);
        writer.WriteBoolean("interrupted", interrupted);
    });

    private static string Show(Fault fault) => NativeText.Printable(NativeText.Decode(fault.Path));

    // "SeekTable" is shown as "seek-table".
    private static string Kind(Fault fault) =>
        string.Concat(fault.Kind.ToString().Select((c, i) =>
            char.IsUpper(c) ? (i == 0 ? "" : "-") + char.ToLowerInvariant(c) : c.ToString()));
}
