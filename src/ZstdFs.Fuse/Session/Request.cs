using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>
/// One request on its way through the dispatcher. An op writes the body of its answer into <see cref="Reply"/>, and
/// returns its length or −errno. The result of an op without an answer (FORGET) goes nowhere.
/// </summary>
internal ref struct Request
{
    /// <summary>The result of a request that cannot be decoded.</summary>
    internal const int Malformed = -(int)Errno.EINVAL;

    internal required FuseFileSystem FileSystem;
    internal required RequestContext Context;
    internal required FuseOpcode Opcode;
    internal required ulong Node;
    internal required RequestReader Body;

    /// <summary>Where the answer's body goes. May hold bytes of an earlier answer.</summary>
    internal required Span<byte> Reply;

    /// <summary>What INIT settled.</summary>
    internal required InitFlags Negotiated;

    /// <summary>An op that answers with one struct.</summary>
    internal readonly int Answer<T>(int result, in T value) where T : unmanaged
    {
        if (result < 0)
            return result;
        MemoryMarshal.Write(Reply, in value);
        return Unsafe.SizeOf<T>();
    }

    /// <summary>An op that answers with nothing but success.</summary>
    internal static int Status(long result) => (int)Math.Clamp(result, int.MinValue, 0);

    /// <summary>
    /// An op that says how much of <paramref name="room"/> it used. More than all of it is a fault in the file system.
    /// </summary>
    internal static int Count(long result, long room) =>
        result > room
            ? throw new InvalidOperationException(
                $"The file system answered {result} bytes where {room} were asked for.")
            : (int)result;
}
