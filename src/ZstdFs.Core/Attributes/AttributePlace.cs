using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Attributes;

/// <summary>
/// Where a file's attributes are in the source: a name in a folder, or an open file. Results are those of the system
/// calls.
/// </summary>
internal readonly struct AttributePlace : IDisposable
{
    private readonly DescriptorLease _lease;
    private readonly Link? _link;
    private readonly NodeKind _kind;
    private readonly bool _isOpenFile;

    /// <summary>An open file, or O_PATH of one: no path is walked, and it may have no name.</summary>
    internal AttributePlace(DescriptorLease openFile)
    {
        (_lease, _isOpenFile) = (openFile, true);
    }

    /// <summary>A name in the folder of the lease; null for the folder itself.</summary>
    internal AttributePlace(DescriptorLease folder, Link? link, NodeKind kind)
    {
        (_lease, _link, _kind) = (folder, link, kind);
    }

    private FileDescriptor Descriptor => _lease.Descriptor;

    private NativeName Name(Span<byte> buffer) =>
        _link is null ? new NativeName(".\0"u8) : _link.Find(Descriptor, _kind, buffer);

    internal int Stat(out Statx stat) => _isOpenFile
        ? SystemCallsAt.Stat(Descriptor, out stat)
        : SystemCallsAt.Stat(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), out stat);

    internal int ChangeOwner(uint user, uint group) => _isOpenFile
        ? SystemCallsFile.ChangeOwner(Descriptor, user, group)
        : SystemCallsAt.ChangeOwner(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), user, group);

    internal int ChangeMode(uint mode) => _isOpenFile
        ? SystemCallsFile.ChangeMode(Descriptor, mode)
        : SystemCallsAt.ChangeMode(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), mode);

    internal int SetTimes(Timestamp access, Timestamp modify) => _isOpenFile
        ? SystemCallsFile.SetTimes(Descriptor, access, modify)
        : SystemCallsAt.SetTimes(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), access, modify);

    internal int ReadLink(Span<byte> target) => _isOpenFile
        ? SystemCallsAt.ReadLink(Descriptor, new NativeName("\0"u8), target)
        : SystemCallsAt.ReadLink(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), target);

    internal int GetExtended(NativeName attribute, Span<byte> value) => _isOpenFile
        ? ExtendedAttributes.Get(Descriptor, attribute, value)
        : ExtendedAttributes.Get(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), attribute, value);

    internal int SetExtended(NativeName attribute, ReadOnlySpan<byte> value, int flags) => _isOpenFile
        ? ExtendedAttributes.Set(Descriptor, attribute, value, flags)
        : ExtendedAttributes.Set(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), attribute, value, flags);

    internal int RemoveExtended(NativeName attribute) => _isOpenFile
        ? ExtendedAttributes.Remove(Descriptor, attribute)
        : ExtendedAttributes.Remove(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), attribute);

    internal int ListExtended(Span<byte> names) => _isOpenFile
        ? ExtendedAttributes.List(Descriptor, names)
        : ExtendedAttributes.List(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), names);

    internal bool TryReadRecord(out SizeRecord record) => _isOpenFile
        ? SourceTree.TryReadRecord(Descriptor, out record)
        : SourceTree.TryReadRecord(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), out record);

    internal int WriteRecord(in SizeRecord record, out long windowEnd) => _isOpenFile
        ? SourceTree.WriteRecord(Descriptor, record, out windowEnd)
        : SourceTree.WriteRecord(Descriptor, Name(stackalloc byte[StoredName.BufferBytes]), record, out windowEnd);

    public void Dispose() => _lease.Dispose();
}
