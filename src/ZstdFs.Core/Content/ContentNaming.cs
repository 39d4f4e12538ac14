namespace ZstdFs.Core.Content;

/// <summary>
/// Tells a content that its file gets a name or loses the last. The methods take the content's lock for writing.
/// </summary>
internal static class ContentNaming
{
    /// <summary>A file made with O_TMPFILE is about to get a name.</summary>
    internal static int NoteNamed(this FileContent content)
    {
        using ContentLock.Scope locked = content.Lock.Writing();
        return content.Overlay.NoteNamed();
    }

    /// <summary>The file did not get the name, and may be given another.</summary>
    internal static void NoteUnnamed(this FileContent content)
    {
        using ContentLock.Scope locked = content.Lock.Writing();
        content.Overlay.NoteUnnamed();
    }

    /// <summary>The last name is gone: no mount will look for what was written.</summary>
    internal static void ForgetName(this FileContent content)
    {
        using ContentLock.Scope locked = content.Lock.Writing();
        content.Overlay.ForgetName();
        content.UnfinishedCommit.EndRewrite();
        content.UnfinishedCommit.EndUnsynced();
    }

    /// <summary>The file has this path. It is a hint for the next mount, so an error does not matter.</summary>
    internal static void NotePath(this FileContent content, ReadOnlySpan<byte> path)
    {
        using ContentLock.Scope locked = content.Lock.Writing();
        content.Overlay.NotePath(path);
        content.UnfinishedCommit.Unsynced?.Copy?.WritePath(path);
    }
}
