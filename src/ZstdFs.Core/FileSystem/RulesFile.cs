using System.Text;
using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Where the rules of levels come from: a file that was named, else <c>.zstdfs/rules</c> in the source, where there is one.</summary>
internal static class RulesFile
{
    private const string InSource = ".zstdfs/rules";

    /// <exception cref="SourceException">It cannot be read, or a line of it is no rule.</exception>
    internal static LevelRules? Load(SourceTree source, string? path)
    {
        string name = path ?? InSource;
        var terminated = new NativeName(Encoding.UTF8.GetBytes(name + "\0"));
        int result = path is null
            ? SystemCallsAt.Open(source.Root, terminated, OpenFlags.ReadOnly | OpenFlags.NoFollow | OpenFlags.NonBlocking, 0, out FileDescriptor file)
            : SystemCallsAt.Open(terminated, OpenFlags.ReadOnly, out file);
        if (path is null && result == -(int)Errno.ENOENT)
            return null;
        byte[] text = new byte[LevelRules.MaxBytes + 1];
        if (result >= 0)
        {
            using (file)
                result = SystemCallsFile.Read(file, 0, text);
        }
        if (result < 0)
            throw new SourceException(SourceProblem.Unusable, $"the rules in '{name}' cannot be read ({(Errno)(-result)})");
        try
        {
            return LevelRules.Parse(text.AsSpan(0, result), name);
        }
        catch (FormatException e)
        {
            throw new SourceException(SourceProblem.Unusable, e.Message);
        }
    }
}
