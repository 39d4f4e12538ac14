using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// A rewrite in place that failed on its way: the stored file may hold any part of the new version. The redo has all of
/// it, on disk. Until the rewrite is finished the content is read from the redo, no other commit of the file begins,
/// and a next mount would do the rewrite again.
/// </summary>
/// <param name="Map">Frames of the redo.</param>
/// <param name="ModifyTime">Modification time of what it holds.</param>
/// <param name="Changes">The overlay's count of changes when the redo was made: if the count is higher, the redo does
/// not hold all.</param>
internal sealed record UnfinishedRewrite(FrameMap Map, Timestamp ModifyTime, long Changes);
