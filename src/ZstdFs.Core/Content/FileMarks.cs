namespace ZstdFs.Core.Content;

/// <summary>What an open file's mode, capabilities and chattr flags mean for writes to it.</summary>
internal sealed class FileMarks
{
    private bool _isImmutable, _isAppendOnly;

    /// <summary>The file may have set-id bits, which writing takes away.</summary>
    internal bool MayHavePrivileges { get; set; } = true;

    /// <summary>The file may have capabilities, which writing takes away.</summary>
    internal bool MayHaveCapabilities { get; set; } = true;

    /// <summary>
    /// chattr +i is set: descriptors that were opened for writing before may not write any more. Writers check it under
    /// the content's lock. So a commit that begins after it was set has all that was written.
    /// </summary>
    internal bool IsImmutable
    {
        get => Volatile.Read(ref _isImmutable);
        set => Volatile.Write(ref _isImmutable, value);
    }

    /// <summary>
    /// chattr +a is set, as the last open found it or a user has set it since: no write may replace existing content.
    /// </summary>
    internal bool IsAppendOnly
    {
        get => Volatile.Read(ref _isAppendOnly);
        set => Volatile.Write(ref _isAppendOnly, value);
    }
}
