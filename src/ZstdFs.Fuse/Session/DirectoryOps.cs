using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Session;

/// <summary>Ops on open folders.</summary>
internal static class DirectoryOps
{
    internal static int OpenDir(ref Request request)
    {
        FuseOpenIn open = request.Body.Read<FuseOpenIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return request.Answer(
            request.FileSystem.OpenDirectory(request.Context, request.Node, open.Flags, out FuseOpenOut reply),
            reply);
    }

    internal static int ReadDir(ref Request request, bool plus)
    {
        FuseReadIn read = request.Body.Read<FuseReadIn>();
        if (request.Body.IsMalformed || read.Size > request.Reply.Length)
            return Request.Malformed;
        var writer = new DirectoryWriter(request.Reply[..(int)read.Size], plus);
        int result;
        try
        {
            result = request.FileSystem.ReadDirectory(
                request.Context, request.Node, read.Handle, read.Offset, ref writer);
        }
        catch
        {
            if (plus)
                UndeliveredReply.ForgetListed(in request, writer.BytesWritten);
            throw;
        }
        // Entries laid out before an error carry references, so they are delivered; the next request meets the error
        // again.
        return result < 0 && writer.BytesWritten == 0 ? result : writer.BytesWritten;
    }

    internal static int ReleaseDir(ref Request request)
    {
        FuseReleaseIn release = request.Body.Read<FuseReleaseIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        request.FileSystem.ReleaseDirectory(request.Context, request.Node, release.Handle);
        return 0;
    }

    internal static int FsyncDir(ref Request request)
    {
        FuseFsyncIn sync = request.Body.Read<FuseFsyncIn>();
        if (request.Body.IsMalformed)
            return Request.Malformed;
        return Request.Status(
            request.FileSystem.SynchronizeDirectory(request.Context, request.Node, sync.Handle, sync.DataOnly));
    }
}
