using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>When content was changed. Packed, because attributes are read beside writers.</summary>
internal sealed class ContentTimes
{
    private long _modify;
    private long _change;

    internal Timestamp Modify
    {
        get => PackedTime.Unpack(Volatile.Read(ref _modify));
        set => Volatile.Write(ref _modify, PackedTime.Pack(value));
    }

    internal Timestamp Change
    {
        get => PackedTime.Unpack(Volatile.Read(ref _change));
        set => Volatile.Write(ref _change, PackedTime.Pack(value));
    }
}
