using System.Text.RegularExpressions;

namespace ZstdFs.Architecture.Tests;

/// <summary>Habits of the code that a reviewer would otherwise have to look for.</summary>
[TestFixture]
internal sealed partial class HabitTests
{
    // Wrappers of ZstdFs.Linux pass pointers to libc and are unsafe throughout: that project is the native folder of
    // the whole.
    private static readonly string[] UnsafeFolders = ["Native", "Codecs"];
    private static readonly Regex UnsafeFiles = UnsafeFile();

    private const int Columns = 120, LinesOfAFile = 350, FilesOfAFolder = 30;

    [Test]
    public void Namespace_IsTheFolder()
    {
        IEnumerable<string> wrong =
            from file in SourceFile.All
            where file.Namespace is not null
            let expected = file.Folder.Length == 0 ? file.Project : file.Project + "." + file.Folder.Replace('/', '.')
            where file.Namespace != expected
            select $"{file} is in {file.Namespace}, not {expected}";
        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void Core_ReachesFilesOnlyThroughDescriptors()
    {
        IEnumerable<string> wrong =
            from file in SourceFile.All
            where file.Project == "ZstdFs.Core"
            from Match match in FileClasses().Matches(file.Code)
            select $"{file} uses {match.Value}";
        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void UnsafeCode_IsWhereItBelongs()
    {
        IEnumerable<string> wrong =
            from file in SourceFile.All
            where file.Project != "ZstdFs.Linux" && UnsafeWord().IsMatch(file.Code)
            where !file.Folder.Split('/').Any(UnsafeFolders.Contains)
                && !UnsafeFiles.IsMatch(Path.GetFileName(file.Path))
            select file.ToString();
        Assert.That(wrong, Is.Empty, "unsafe code belongs into Native/, Codecs/, the device loop and the buffer pools");
    }

    [Test]
    public void ExitCodes_AreTheCommandLinesAlone()
    {
        IEnumerable<string> wrong =
            from file in SourceFile.All
            where file.Project != "ZstdFs.Cli" && file.Code.Contains("Environment.Exit", StringComparison.Ordinal)
            select file.ToString();
        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void TypeNames_SayWhatTheTypeIs()
    {
        IEnumerable<string> wrong =
            from file in SourceFile.All
            from Match match in EmptyName().Matches(file.Code)
            select $"{file}: {match.Groups[1].Value}";
        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void Lines_EndAtTheLastColumn()
    {
        IEnumerable<string> wrong =
            from file in SourceFile.All
            from line in file.Lines.Index()
            where line.Item.Length > Columns
            select $"{file}:{line.Index + 1} has {line.Item.Length} columns";
        Assert.That(wrong, Is.Empty, "where a string is too long to be broken, name a part of it");
    }

    [Test]
    public void Files_AreReadInOneSitting()
    {
        IEnumerable<string> wrong =
            from file in SourceFile.All
            where file.Lines.Count > LinesOfAFile
            select $"{file} has {file.Lines.Count} lines";
        Assert.That(wrong, Is.Empty, "split it by concern, not into halves that share all state");
    }

    [Test]
    public void FoldersOfCore_AreSeenAtAGlance()
    {
        IEnumerable<string> wrong =
            from file in SourceFile.All
            where file.Project == "ZstdFs.Core"
            group file by file.Folder into folder
            where folder.Count() > FilesOfAFolder
            select $"{folder.Key} has {folder.Count()} files";
        Assert.That(wrong, Is.Empty);
    }

    [GeneratedRegex(
        @"(?<![\w.])(?:System\.IO\.)?(?:File|Directory|Path|FileInfo|DirectoryInfo|FileStream)(?:\.[A-Z]\w*|\s*\()",
        RegexOptions.CultureInvariant)]
    private static partial Regex FileClasses();

    [GeneratedRegex(@"\bunsafe\b|\bfixed\s*\(")]
    private static partial Regex UnsafeWord();

    [GeneratedRegex(@"(?:BufferPool|BlockPool|Device|DeviceLoop)\w*\.cs$")]
    private static partial Regex UnsafeFile();

    [GeneratedRegex(@"\b(?:class|struct|record|interface|enum)\s+(\w*(?:Manager|Helper|Helpers|Utils|Util|Common))\b")]
    private static partial Regex EmptyName();
}
