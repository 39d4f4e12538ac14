using System.Text;

namespace ZstdFs.Benchmarks;

/// <summary>Text that compresses about as source code does (4:1 to 5:1), the same each time.</summary>
internal static class SampleText
{
    private static readonly string[] Words =
        ["static", "int", "struct", "inode", "const", "unsigned long", "return", "if (", ")", "{", "}", ";", "->",
            "page", "mapping", "lock", "error = ", "goto out", "NULL", "\n\t", "\n", "offset", "length", "file"];

    internal static byte[] Of(int bytes)
    {
        var random = new Random(1);
        var text = new StringBuilder();
        while (text.Length < bytes)
        {
            text.Append(Words[random.Next(Words.Length)]).Append(' ');
            if (random.Next(8) == 0)
                text.Append(random.Next(100_000));
        }
        return Encoding.ASCII.GetBytes(text.ToString(0, bytes));
    }
}
