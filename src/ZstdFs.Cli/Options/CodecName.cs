using ZstdFs.Core;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Cli.Options;

/// <summary>What compresses and decodes, for people.</summary>
internal static class CodecName
{
    /// <summary>Why libzstd cannot be used; null where it can.</summary>
    internal static string? WhyNotNative => Codec.WhyNotNative;

    /// <summary>
    /// The codec that a choice leads to; with the reason where it is not libzstd although no option chose another one.
    /// </summary>
    internal static string Of(CodecChoice choice)
    {
        string name = Codec.Of(choice).Name;
        return choice == CodecChoice.Auto && WhyNotNative is { } why ? $"{name} ({why})" : name;
    }
}
