using System.Globalization;
using System.Text;

namespace ZstdFs.Cli.Options;

/// <summary>
/// Paths are bytes, but the command line library wants strings. A byte that is not UTF-8 travels as a lone low
/// surrogate U+DC80…U+DCFF (Python's "surrogateescape"), and comes out as the same byte.
/// </summary>
internal static class NativeText
{
    private const char FirstEscape = '\udc00';

    /// <summary>
    /// The program's arguments with nothing lost: the runtime has replaced what is not UTF-8, /proc has not.
    /// </summary>
    internal static string[] Arguments(string[] arguments)
    {
        if (!arguments.Any(a => a.Contains('\ufffd')))
            return arguments;
        return Arguments(arguments, File.ReadAllBytes("/proc/self/cmdline"));
    }

    /// <summary>The last of the words in a command line as /proc has it: each with its NUL, empty ones too.</summary>
    internal static string[] Arguments(string[] arguments, ReadOnlySpan<byte> commandLine)
    {
        var all = new List<string>();
        ReadOnlySpan<byte> words = commandLine.EndsWith((byte)0) ? commandLine[..^1] : commandLine;
        foreach (Range range in words.Split((byte)0))
            all.Add(Decode(words[range]));
        return all.Count < arguments.Length ? arguments : [.. all[^arguments.Length..]];
    }

    /// <summary>Bytes to text.</summary>
    internal static string Decode(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        Span<char> characters = stackalloc char[2];
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out Rune rune, out int consumed) == System.Buffers.OperationStatus.Done)
            {
                text.Append(characters[..rune.EncodeToUtf16(characters)]);
            }
            else
            {
                for (int i = 0; i < consumed; i++)
                    text.Append((char)(FirstEscape + bytes[i]));
            }
            bytes = bytes[consumed..];
        }
        return text.ToString();
    }

    /// <summary>Text to bytes, without a NUL.</summary>
    internal static byte[] Encode(string text)
    {
        var bytes = new List<byte>(text.Length);
        Span<byte> encoded = stackalloc byte[4];
        for (int i = 0; i < text.Length;)
        {
            if (Rune.TryGetRuneAt(text, i, out Rune rune))
            {
                bytes.AddRange(encoded[..rune.EncodeToUtf8(encoded)]);
                i += rune.Utf16SequenceLength;
            }
            else
            {
                bytes.Add((byte)text[i++]);
            }
        }
        return [.. bytes];
    }

    /// <summary>Text to bytes that end with NUL, for a system call.</summary>
    internal static byte[] EncodeTerminated(string text) => [.. Encode(text), 0];

    /// <summary>On one line and without anything that a terminal would obey.</summary>
    internal static string Printable(string text)
    {
        if (!text.Any(static c => char.IsSurrogate(c) || IsObeyed(char.GetUnicodeCategory(c))))
            return text;
        var shown = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length;)
        {
            if (!Rune.TryGetRuneAt(text, i, out Rune rune))
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\x{(byte)text[i++]:x2}");
                continue;
            }
            if (IsObeyed(Rune.GetUnicodeCategory(rune)))
                shown.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}");
            else
                shown.Append(rune);
            i += rune.Utf16SequenceLength;
        }
        return shown.ToString();
    }

    // Control characters, and characters that make what follows look as if it stood elsewhere, such as U+202E, or on a
    // line of its own.
    private static bool IsObeyed(UnicodeCategory category) =>
        category is UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
