using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Session;

/// <summary>
/// Handles an answer that the kernel did not take, because the caller gave the request up. The kernel never sends
/// FORGET or RELEASE for what that answer carried, so the references and handles go back here.
/// </summary>
internal static class UndeliveredReply
{
    /// <summary>
    /// Takes back what the answer of <paramref name="length"/> bytes, still in the request's reply buffer, gave out.
    /// </summary>
    internal static void TakeBack(in Request request, ReadOnlySpan<byte> requestBody, int length)
    {
        switch (request.Opcode)
        {
            case FuseOpcode.Lookup or FuseOpcode.MkNod or FuseOpcode.MkDir or FuseOpcode.Symlink or FuseOpcode.Link:
                Forget(in request, EntryNode(in request));
                break;
            case FuseOpcode.Create or FuseOpcode.TmpFile:
                FuseOpenOut created = MemoryMarshal.Read<FuseOpenOut>(request.Reply[Unsafe.SizeOf<FuseEntryOut>()..]);
                try
                {
                    request.FileSystem.Release(
                        request.Context, EntryNode(in request), created.Handle,
                        MemoryMarshal.Read<FuseCreateIn>(requestBody).Flags);
                }
                finally
                {
                    Forget(in request, EntryNode(in request));
                }
                break;
            case FuseOpcode.Open:
                ulong file = MemoryMarshal.Read<FuseOpenOut>(request.Reply).Handle;
                request.FileSystem.Release(
                    request.Context, request.Node, file, MemoryMarshal.Read<FuseOpenIn>(requestBody).Flags);
                break;
            case FuseOpcode.OpenDir:
                request.FileSystem.ReleaseDirectory(
                    request.Context, request.Node, MemoryMarshal.Read<FuseOpenOut>(request.Reply).Handle);
                break;
            case FuseOpcode.ReadDirPlus:
                ForgetListed(in request, length);
                break;
        }
    }

    /// <summary>Takes back the references of a READDIRPLUS answer of <paramref name="length"/> bytes.</summary>
    internal static void ForgetListed(in Request request, int length)
    {
        var references = new ReturnedReferences(request.FileSystem);
        for (int at = 0; at < length;)
        {
            FuseDirentPlus listed = MemoryMarshal.Read<FuseDirentPlus>(request.Reply[at..]);
            if (listed.Entry.NodeId != 0)
                references.Forget(listed.Entry.NodeId, 1);
            at += DirectoryWriter.EntryBytes((int)listed.Dirent.NameLength, plus: true);
        }
        references.ThrowFailure();
    }

    private static ulong EntryNode(in Request request) => MemoryMarshal.Read<FuseEntryOut>(request.Reply).NodeId;

    private static void Forget(in Request request, ulong node)
    {
        if (node != 0)
            request.FileSystem.Forget(node, 1);
    }
}
