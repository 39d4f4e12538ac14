using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>Ops on attributes: of a node, extended ones, and of the whole file system.</summary>
internal static class AttributeOps
{
    internal static int GetAttr(ref Request request)
    {
        FuseGetattrIn get = request.Body.Read<FuseGetattrIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        ulong handle = get.HasHandle ? get.Handle : FuseFileSystem.NoHandle;
        return request.Answer(
            request.FileSystem.GetAttributes(request.Context, request.Node, handle, out FuseAttrOut attributes),
            attributes);
    }

    internal static int SetAttr(ref Request request)
    {
        FuseSetattrIn change = request.Body.Read<FuseSetattrIn>();
        if ((change.Valid & SetattrValid.Size) != 0)
            request.Body.Offset(change.Size);
        if (request.Body.IsMalformed)
            return Request.Malformed;
        if ((change.Valid & SetattrValid.Handle) == 0)
            change.Handle = FuseFileSystem.NoHandle;
        return request.Answer(
            request.FileSystem.SetAttributes(request.Context, request.Node, change, out FuseAttrOut attributes),
            attributes);
    }

    internal static int Statx(ref Request request)
    {
        FuseStatxIn get = request.Body.Read<FuseStatxIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        ulong handle = get.HasHandle ? get.Handle : FuseFileSystem.NoHandle;
        return request.Answer(
            request.FileSystem.Statx(
                request.Context, request.Node, handle, get.Flags, get.Mask, out FuseStatxOut attributes),
            attributes);
    }

    internal static int Access(ref Request request)
    {
        uint mask = request.Body.Read<FuseAccessIn>().Mask;
        return request.Body.IsMalformed
            ? Request.Malformed
            : Request.Status(request.FileSystem.Access(request.Context, request.Node, mask));
    }

    internal static int StatFs(ref Request request) =>
        request.Answer(
            request.FileSystem.StatFileSystem(request.Context, request.Node, out FuseKstatfs statistics), statistics);

    internal static int SetXattr(ref Request request)
    {
        FuseSetxattrIn set = default;
        if (request.Negotiated.HasFlag(InitFlags.SetXattrExt))
            set = request.Body.Read<FuseSetxattrIn>();
        else
            (set.Size, set.Flags) = (request.Body.Read<uint>(), request.Body.Read<int>());
        NativeName name = request.Body.Text();
        ReadOnlySpan<byte> value = request.Body.Bytes(set.Size);
        if (request.Body.IsMalformed)
            return Request.Malformed;
        const uint AclKillSgid = 1; // FUSE_SETXATTR_ACL_KILL_SGID
        return Request.Status(request.FileSystem.SetExtendedAttribute(
            request.Context, request.Node, name, value, set.Flags, (set.SetxattrFlags & AclKillSgid) != 0));
    }

    internal static int GetXattr(ref Request request)
    {
        uint size = request.Body.Read<FuseGetxattrIn>().Size;
        NativeName name = request.Body.Text();
        if (request.Body.IsMalformed || size > request.Reply.Length)
            return Request.Malformed;
        return AnswerXattr(
            in request, size,
            request.FileSystem.GetExtendedAttribute(
                request.Context, request.Node, name, request.Reply[..(int)size]));
    }

    internal static int ListXattr(ref Request request)
    {
        uint size = request.Body.Read<FuseGetxattrIn>().Size;
        if (request.Body.IsMalformed || size > request.Reply.Length)
            return Request.Malformed;
        return AnswerXattr(
            in request, size,
            request.FileSystem.ListExtendedAttributes(request.Context, request.Node, request.Reply[..(int)size]));
    }

    internal static int RemoveXattr(ref Request request)
    {
        NativeName name = request.Body.Text();
        return request.Body.IsMalformed
            ? Request.Malformed
            : Request.Status(request.FileSystem.RemoveExtendedAttribute(request.Context, request.Node, name));
    }

    private static int AnswerXattr(in Request request, uint size, int length)
    {
        if (size == 0)
            return request.Answer(length, new FuseGetxattrOut { Size = (uint)Math.Max(0, length) });
        return Request.Count(length, size);
    }
}
