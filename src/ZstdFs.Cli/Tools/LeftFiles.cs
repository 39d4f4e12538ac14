using ZstdFs.Cli.Options;
using ZstdFs.Core.Conversion;

namespace ZstdFs.Cli.Tools;

/// <summary>Names every file that was left, with the reason, on standard error.</summary>
internal sealed class LeftFiles(ConversionKind kind) : IConversionObserver
{
    private readonly Lock _gate = new(); // one line at a time

    public void Left(ReadOnlySpan<byte> path, LeftReason reason, string detail)
    {
        // Most files may not be worth compressing anew, and the user can do nothing about that.
        if (kind == ConversionKind.Recompress && reason == LeftReason.Incompressible)
            return;
        string shown = NativeText.Printable(NativeText.Decode(path));
        string why = Why(reason) + (detail.Length == 0 ? "" : $" ({NativeText.Printable(detail)})");
        lock (_gate)
            Console.Error.WriteLine($"zstdfs: left: '{shown}': {why}");
    }

    private static string Why(LeftReason reason) => reason switch
    {
        LeftReason.Conflict => "the name that it would get is taken; --on-conflict says which of the two counts",
        LeftReason.NameTaken => "another file has the name that it would get: rename one, or run this once more",
        LeftReason.Misread => "a mount would take its '%' for an escape and show it under another name: rename it",
        LeftReason.NotPermitted => "it, or its folder, may not be read or changed",
        LeftReason.OpenForWriting => "somebody has it open for writing",
        LeftReason.WritersUnknown => "it cannot be told whether somebody has it open for writing",
        LeftReason.OtherSource =>
            "the folder is a source of its own: name it by itself, or remove its .zstdfs while it is not mounted",
        LeftReason.Changed => "it was changed meanwhile",
        LeftReason.LinkedElsewhere => "converting it would part it from its other hard links",
        LeftReason.Incompressible => "compressing it saves next to nothing",
        LeftReason.Damaged => "its stored form is damaged",
        LeftReason.NotDecodable => "its stored form cannot be decoded here",
        LeftReason.Newer => "only a newer zstdfs knows what it is",
        LeftReason.NameTooLong => "its name has no room for the suffix .zst, and the file system keeps no attributes",
        LeftReason.NoRoomForName => "among its extended attributes there is no room for its whole name",
        LeftReason.AttributesNotKept => "one of its attributes cannot be put on the new file",
        LeftReason.NoSpace => "the disk is full",
        _ => "it failed",
    };
}
