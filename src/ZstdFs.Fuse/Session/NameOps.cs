using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>Ops on names in a folder, and the references that they give and take.</summary>
internal static class NameOps
{
    /// <summary>Longest target: the kernel puts it and a NUL into one page.</summary>
    private const int LongestTarget = 4095;

    internal static int Lookup(ref Request request)
    {
        NativeName name = request.Body.NameOrDots();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return request.Answer(
            request.FileSystem.Lookup(request.Context, request.Node, name, out FuseEntryOut entry),
            entry);
    }

    internal static int Forget(ref Request request)
    {
        ulong lookups = request.Body.Read<FuseForgetIn>().Lookups;
        if (!request.Body.IsMalformed)
            request.FileSystem.Forget(request.Node, lookups);
        return 0;
    }

    internal static int BatchForget(ref Request request)
    {
        uint count = request.Body.Read<FuseBatchForgetIn>().Count;
        var references = new ReturnedReferences(request.FileSystem);
        for (uint i = 0; i < count; i++)
        {
            FuseForgetOne one = request.Body.Read<FuseForgetOne>();
            if (request.Body.IsMalformed)
                break;
            references.Forget(one.NodeId, one.Lookups);
        }
        references.ThrowFailure();
        return 0;
    }

    internal static int ReadLink(ref Request request) =>
        Request.Count(
            request.FileSystem.ReadLink(request.Context, request.Node, request.Reply[..LongestTarget]), LongestTarget);

    internal static int Symlink(ref Request request)
    {
        NativeName name = request.Body.Name(), target = request.Body.Text();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return request.Answer(
            request.FileSystem.SymbolicLink(request.Context, request.Node, name, target, out FuseEntryOut entry),
            entry);
    }

    internal static int MkNod(ref Request request)
    {
        FuseMknodIn make = request.Body.Read<FuseMknodIn>();
        NativeName name = request.Body.Name();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return request.Answer(
            request.FileSystem.MakeNode(
                request.Context, request.Node, name, make.Mode, make.Rdev, make.Umask, out FuseEntryOut entry),
            entry);
    }

    internal static int MkDir(ref Request request)
    {
        FuseMkdirIn make = request.Body.Read<FuseMkdirIn>();
        NativeName name = request.Body.Name();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return request.Answer(
            request.FileSystem.MakeDirectory(
                request.Context, request.Node, name, make.Mode, make.Umask, out FuseEntryOut entry),
            entry);
    }

    internal static int Link(ref Request request)
    {
        ulong existing = request.Body.Read<FuseLinkIn>().OldNode;
        NativeName name = request.Body.Name();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return request.Answer(
            request.FileSystem.Link(request.Context, existing, request.Node, name, out FuseEntryOut entry),
            entry);
    }

    internal static int Unlink(ref Request request)
    {
        NativeName name = request.Body.Name();
        return request.Body.IsMalformed
            ? Request.Malformed
            : Request.Status(request.FileSystem.Unlink(request.Context, request.Node, name));
    }

    internal static int RmDir(ref Request request)
    {
        NativeName name = request.Body.Name();
        return request.Body.IsMalformed
            ? Request.Malformed
            : Request.Status(request.FileSystem.RemoveDirectory(request.Context, request.Node, name));
    }

    internal static int Rename(ref Request request) =>
        Rename(ref request, request.Body.Read<FuseRenameIn>().NewDirectory, 0);

    internal static int Rename2(ref Request request)
    {
        FuseRename2In rename = request.Body.Read<FuseRename2In>();
        return Rename(ref request, rename.NewDirectory, rename.Flags);
    }

    private static int Rename(ref Request request, ulong newParent, uint flags)
    {
        NativeName oldName = request.Body.Name(), newName = request.Body.Name();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return Request.Status(
            request.FileSystem.Rename(request.Context, request.Node, oldName, newParent, newName, flags));
    }
}
