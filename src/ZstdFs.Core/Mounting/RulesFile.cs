using System.Text;
using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Loads the rules for levels: from the file that the user named, else from <c>.zstdfs/rules</c> in the source, where
/// there is one.
/// </summary>
internal static class RulesFile
{
    private const string InSource = ".zstdfs/rules";

    /// <exception cref="SourceException">The file cannot be read, or one of its lines is no rule.</exception>
    internal static LevelRules? Load(SourceTree source, string? path)
    {
        string name = path ?? InSource;
        int result = path is null
            ? OpenInSource(source, out FileDescriptor file)
            : SystemCallsAt.Open(new NativeName(Encoding.UTF8.GetBytes(path + "\0")), OpenFlags.ReadOnly, out file);
        if (path is null && result == -(int)Errno.ENOENT)
            return null;
        byte[] text = new byte[LevelRules.MaxBytes + 1];
        if (result >= 0)
        {
            using (file)
                result = SystemCallsFile.Read(file, 0, text);
        }
        if (result < 0)
            throw new SourceException(
                SourceProblem.Unusable, $"the rules in '{name}' cannot be read ({(Errno)(-result)})");
        try
        {
            return LevelRules.Parse(text.AsSpan(0, result), name);
        }
        catch (FormatException e)
        {
            throw new SourceException(SourceProblem.Unusable, e.Message);
        }
    }

    // Where the folder cannot be opened, there are no rules. The state folder opens it later and reports the error.
    private static int OpenInSource(SourceTree source, out FileDescriptor file)
    {
        file = null!;
        if (source.OpenDirectory(source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder) < 0)
            return -(int)Errno.ENOENT;
        using (folder)
            return SystemCallsAt.Open(folder, new NativeName("rules\0"u8),
                OpenFlags.ReadOnly | OpenFlags.NoFollow | OpenFlags.NonBlocking, 0, out file);
    }
}
