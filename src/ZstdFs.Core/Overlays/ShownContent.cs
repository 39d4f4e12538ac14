using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>What stat(2) shows of a content besides the attributes of its stored file, all of one moment.</summary>
/// <param name="IsLoaded">The length is known.</param>
/// <param name="IsDirty">There is something to commit: length, holes, times are not the stored file's.</param>
/// <param name="LogicalBytes">Length in bytes.</param>
/// <param name="HasHoles">It may be sparse.</param>
/// <param name="ModifyTime">Modification time of what is not committed yet.</param>
/// <param name="ChangeTime">When what is not committed yet was changed last.</param>
internal readonly record struct ShownContent(
    bool IsLoaded, bool IsDirty, long LogicalBytes, bool HasHoles, Timestamp ModifyTime, Timestamp ChangeTime);
