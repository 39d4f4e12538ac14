using ZstdFs.Cli.Options;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Conversion.Forms;
using ZstdFs.Core.Source;

namespace ZstdFs.Cli.Tools;

/// <summary><c>convert --dry-run</c>.</summary>
internal static class SavingsEstimateRun
{
    private const int ShownTypes = 20;

    internal static ExitCode Run(string folder, ConversionOptions options, bool json)
    {
        using NamedSource source = NamedSource.Open(folder);
        using var interruption = new Interruption();
        long existing = ExistingFiles.Tell(source, options, interruption.Token).Files;
        IReadOnlyList<TypeSavings> types;
        try
        {
            types = SavingsEstimate.Make(
                source.Root, source.FolderPath, source.IsSource, options, interruption.Token);
        }
        catch (SourceException e)
        {
            throw source.Refused(e);
        }
        var total = new TypeSavings(
            [], types.Sum(t => t.Files), types.Sum(t => t.PlainBytes), types.Sum(t => t.StoredBytes),
            types.Sum(t => t.SampledBytes));
        if (json)
            WriteJson(types, total, existing);
        else
            WriteTable(types, total);
        return interruption.Token.IsCancellationRequested ? ExitCode.SomeLeft : ExitCode.Success;
    }

    private static void WriteTable(IReadOnlyList<TypeSavings> types, TypeSavings total)
    {
        var table = new TextTable("type", "files", "plain", "stored", "ratio", "saved");
        foreach (TypeSavings type in types.Take(ShownTypes))
            Add(table, Name(type), type);
        if (types.Count > ShownTypes)
        {
            TypeSavings[] rest = [.. types.Skip(ShownTypes)];
            Add(table, $"{rest.Length} more", new TypeSavings(
                [], rest.Sum(t => t.Files), rest.Sum(t => t.PlainBytes), rest.Sum(t => t.StoredBytes), 0));
        }
        Add(table, "all", total);
        table.Write(Console.Out);
        Console.Error.WriteLine(
            $"zstdfs: an estimate from {ByteText.Show(total.SampledBytes)} of samples; nothing was changed");
    }

    private static void Add(TextTable table, string name, TypeSavings type) => table.Add(
        name, TextTable.Number(type.Files), ByteText.Show(type.PlainBytes), ByteText.Show(type.StoredBytes),
        ByteText.Ratio(type.PlainBytes, type.StoredBytes), ByteText.Show(type.PlainBytes - type.StoredBytes));

    private static void WriteJson(IReadOnlyList<TypeSavings> types, TypeSavings total, long existing) =>
        JsonOutput.Write(writer =>
    {
        writer.WriteStartArray("types");
        foreach (TypeSavings type in types)
        {
            writer.WriteStartObject();
            writer.WriteString("type", NativeText.Printable(NativeText.Decode(type.Extension)));
            Numbers(type);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteNumber("existingZst", existing);
        Numbers(total);

        void Numbers(TypeSavings type)
        {
            writer.WriteNumber("files", type.Files);
            writer.WriteNumber("plainBytes", type.PlainBytes);
            writer.WriteNumber("storedBytesEstimate", type.StoredBytes);
            writer.WriteNumber("sampledBytes", type.SampledBytes);
        }
    });

    private static string Name(TypeSavings type) =>
        type.Extension.Length == 0 ? "(none)" : NativeText.Printable(NativeText.Decode(type.Extension));
}
