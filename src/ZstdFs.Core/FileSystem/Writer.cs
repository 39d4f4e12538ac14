using System.Globalization;
using System.Text;
using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Who changes a file's content or owner, as far as set-id bits are concerned.</summary>
internal readonly struct Writer
{
    // 65,536 groups are the most that Linux allows.
    private const int LongestStatusBytes = 1024 * 1024;

    private readonly uint _userId;
    private readonly uint _groupId;
    private readonly uint _threadId;

    /// <param name="context">The caller.</param>
    /// <param name="keepsPrivileges">The caller may change the content and leave the set-id bits.</param>
    internal Writer(in RequestContext context, bool keepsPrivileges)
    {
        (_userId, _groupId, _threadId, KeepsPrivileges) = (context.UserId, context.GroupId, context.ProcessId, keepsPrivileges);
    }

    /// <summary>The kernel did not say whether the caller may keep set-id bits.</summary>
    internal static Writer Unknown(in RequestContext context) => new(context, context.UserId == 0);

    private Writer(in Writer other, bool keepsPrivileges)
    {
        this = other;
        KeepsPrivileges = keepsPrivileges;
    }

    /// <summary>The same caller, who may write without a further word.</summary>
    internal Writer Unannounced => new(this, _userId == 0);

    internal bool KeepsPrivileges { get; }

    internal uint UserId => _userId;

    /// <summary>The caller owns what belongs to this user, and has no rights beyond that.</summary>
    internal bool IsOrdinaryOwner(uint ownerId) => _userId != 0 && _userId == ownerId;

    /// <summary>The caller belongs to the group, or may act as if. Of the further groups only /proc knows; a caller that is gone counts as a stranger.</summary>
    internal bool IsIn(uint groupId)
    {
        if (_userId == 0 || _groupId == groupId)
            return true;
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{_threadId}/status\0");
        if (SystemCallsAt.Open(new NativeName(Encoding.ASCII.GetBytes(path)), OpenFlags.ReadOnly, out FileDescriptor status) < 0)
            return false;
        byte[] text = new byte[LongestStatusBytes];
        int length;
        using (status)
            length = Math.Max(0, SystemCallsFile.Read(status, 0, text));
        foreach (string line in Encoding.ASCII.GetString(text, 0, length).Split('\n'))
        {
            if (line.StartsWith("Groups:", StringComparison.Ordinal))
                return line["Groups:".Length..].Split(' ', '\t').Contains(groupId.ToString(CultureInfo.InvariantCulture));
        }
        return false;
    }
}
