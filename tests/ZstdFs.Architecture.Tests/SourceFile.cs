using System.Reflection;
using System.Text.RegularExpressions;

namespace ZstdFs.Architecture.Tests;

/// <summary>One C# file under src/, with comments and strings taken out of its code.</summary>
/// <param name="Project">Such as "ZstdFs.Core".</param>
/// <param name="Path">Below the project, with slashes.</param>
/// <param name="Code">The file without comments and string contents.</param>
internal sealed partial record SourceFile(string Project, string Path, string Code)
{
    internal static readonly string Root = typeof(SourceFile).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "RepositoryRoot").Value!;

    /// <summary>The folder below the project, "" for the project itself.</summary>
    internal string Folder => Path.Contains('/') ? Path[..Path.LastIndexOf('/')] : "";

    /// <summary>The first folder below the project: a part of the architecture.</summary>
    internal string Part => Folder.Split('/')[0];

    /// <summary>The file's namespace; null where it has none (top-level statements).</summary>
    internal string? Namespace => NamespaceLine().Match(Code) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>All files of the projects under src/.</summary>
    internal static IReadOnlyList<SourceFile> All { get; } =
    [
        .. from project in Directory.GetDirectories(System.IO.Path.Combine(Root, "src"))
           from file in Directory.GetFiles(project, "*.cs", SearchOption.AllDirectories)
           let path = System.IO.Path.GetRelativePath(project, file)
           where !path.StartsWith("bin/", StringComparison.Ordinal)
               && !path.StartsWith("obj/", StringComparison.Ordinal)
           select new SourceFile(System.IO.Path.GetFileName(project), path,
               CommentsAndStrings().Replace(File.ReadAllText(file), m => m.Value[0] == '/' ? "" : "\"\""))
           {
               Lines = File.ReadAllLines(file),
           },
    ];

    /// <summary>The file as it is, without the ends of its lines.</summary>
    internal required IReadOnlyList<string> Lines { get; init; }

    public override string ToString() => $"{Project}/{Path}";

    [GeneratedRegex(@"^namespace\s+([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(
        @"//[^\n]*|/\*.*?\*/|""""""[\s\S]*?""""""|@""(?:[^""]|"""")*""|""(?:\\.|[^""\\\n])*""|'(?:\\.|[^'\\\n])+'",
        RegexOptions.Singleline)]
    private static partial Regex CommentsAndStrings();
}
