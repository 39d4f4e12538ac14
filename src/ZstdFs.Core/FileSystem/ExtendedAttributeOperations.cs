using System.Buffers;
using ZstdFs.Core.Attributes;
using ZstdFs.Core.Callers;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Extended attributes of the users. Those of this program are not shown.</summary>
internal sealed class ExtendedAttributeOperations(Volume volume, AttributePlaces places)
{
    private const int LongestListBytes = 65536; // the kernel's limit

    private static ReadOnlySpan<byte> OurPrefix => "user.zstdfs"u8;

    /// <summary>getxattr(2).</summary>
    internal int Get(ulong nodeId, NativeName attribute, Span<byte> value)
    {
        if (attribute.Bytes.StartsWith(OurPrefix))
            return -(int)Errno.ENODATA;
        int result = Read(nodeId, attribute, value);
        // The background conversion may just have given the file another name.
        return result == -(int)Errno.ENOENT ? Read(nodeId, attribute, value) : result;
    }

    private int Read(ulong nodeId, NativeName attribute, Span<byte> value)
    {
        int result = places.Locate(nodeId, out AttributePlace place);
        if (result < 0)
            return result;
        using (place)
            return place.GetExtended(attribute, value);
    }

    /// <summary>setxattr(2).</summary>
    internal int Set(
        ulong nodeId, NativeName attribute, ReadOnlySpan<byte> value, int flags, bool killSetGroupId) =>
        attribute.Bytes.StartsWith(OurPrefix)
            ? -(int)Errno.EPERM
            : Change(nodeId, attribute, value, flags, removes: false, killSetGroupId);

    /// <summary>removexattr(2).</summary>
    internal int Remove(ulong nodeId, NativeName attribute) =>
        attribute.Bytes.StartsWith(OurPrefix)
            ? -(int)Errno.ENODATA
            : Change(nodeId, attribute, default, 0, removes: true);

    private int Change(
        ulong nodeId, NativeName attribute, ReadOnlySpan<byte> value, int flags, bool removes,
        bool killSetGroupId = false)
    {
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        int result = AttributePlaces.WasOpened;
        while (result == AttributePlaces.WasOpened)
            result = Change(node, attribute, value, flags, removes, killSetGroupId);
        return result;
    }

    private int Change(
        Node node, NativeName attribute, ReadOnlySpan<byte> value, int flags, bool removes, bool killSetGroupId)
    {
        FileContent? held = places.Hold(node);
        try
        {
            // A commit copies the attributes to the next version under the gate. A change meanwhile would be lost.
            lock (node.LinksGate)
            {
                if (!places.IsWhatIsOpen(node, held))
                    return AttributePlaces.WasOpened;
                int result = places.Locate(node, held, out AttributePlace place);
                if (result < 0)
                    return result;
                using (place)
                using (volume.FolderGates.EnterIfFolder(node))
                {
                    ChangeTimes.UsersChange users = ChangeTimes.Begin(node, held);
                    bool mayBeSame = !removes && !killSetGroupId && HasSame(place, attribute, value);
                    Timestamp before = mayBeSame ? ChangeTimeOf(place) : default;
                    result = removes ? place.RemoveExtended(attribute) : place.SetExtended(attribute, value, flags);
                    if (result >= 0 && killSetGroupId && place.Stat(out Statx stat) >= 0)
                        result = place.ChangeMode(stat.Mode & 0xFFFu & ~Privileges.SetGroup);
                    // ext4 does nothing where the value is the same. Another file system may move the change time.
                    if (mayBeSame && before != default && ChangeTimeOf(place) == before)
                        ChangeTimes.TakeBack(users);
                    else
                        volume.ChangeTimes.End(users, result);
                }
                if (result >= 0 && held is not null
                    && attribute.Bytes.SequenceEqual(StoredAttributes.Capabilities.Bytes))
                    held.Marks.MayHaveCapabilities = true;
                return result;
            }
        }
        finally
        {
            if (held is not null)
                volume.Release(held);
        }
    }

    private static bool HasSame(in AttributePlace place, NativeName attribute, ReadOnlySpan<byte> value)
    {
        // A byte more: the attribute may be longer than the value.
        byte[] present = ArrayPool<byte>.Shared.Rent(value.Length + 1);
        bool isSame = place.GetExtended(attribute, present) == value.Length
            && present.AsSpan(0, value.Length).SequenceEqual(value);
        ArrayPool<byte>.Shared.Return(present);
        return isSame;
    }

    private static Timestamp ChangeTimeOf(in AttributePlace place) =>
        place.Stat(out Statx stat) >= 0 ? stat.ChangeTime.ToTimestamp() : default;

    /// <summary>listxattr(2).</summary>
    internal int List(ulong nodeId, Span<byte> names)
    {
        int result = places.Locate(nodeId, out AttributePlace place);
        if (result < 0)
            return result;
        byte[] all = ArrayPool<byte>.Shared.Rent(LongestListBytes);
        try
        {
            using (place)
                result = place.ListExtended(all);
            if (result == -(int)Errno.ENOENT && places.Locate(nodeId, out place) >= 0)
            {
                using (place)
                    result = place.ListExtended(all);
            }
            if (result < 0)
                return result;
            int kept = WithoutOurs(all, result);
            if (names.IsEmpty)
                return kept;
            if (kept > names.Length)
                return -(int)Errno.ERANGE;
            all.AsSpan(0, kept).CopyTo(names);
            return kept;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(all);
        }
    }

    private static int WithoutOurs(byte[] names, int length)
    {
        int kept = 0;
        for (int at = 0; at < length;)
        {
            int end = Array.IndexOf(names, (byte)0, at) + 1;
            if (!names.AsSpan(at, end - at).StartsWith(OurPrefix))
            {
                names.AsSpan(at, end - at).CopyTo(names.AsSpan(kept));
                kept += end - at;
            }
            at = end;
        }
        return kept;
    }
}
