using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// A finished version that is about to become the file's content: by a rename over the stored file, or byte by byte
/// inside it. The commit holds the node's gate.
/// </summary>
/// <param name="content">What is committed.</param>
/// <param name="version">The finished version, on disk.</param>
/// <param name="old">The stored file as it was found under the node's gate.</param>
/// <param name="change">The change time that users go on seeing.</param>
internal readonly ref struct Publication(FileContent content, NewVersion version, in Statx old, Timestamp change)
{
    /// <summary>What is committed.</summary>
    internal FileContent Content { get; } = content;

    /// <summary>The finished version, on disk.</summary>
    internal NewVersion Version { get; } = version;

    /// <summary>The stored file as it was found under the node's gate.</summary>
    internal Statx Old { get; } = old;

    /// <summary>The change time that users go on seeing.</summary>
    internal Timestamp Change { get; } = change;
}

/// <summary>The name under which a commit found the file's stored form.</summary>
/// <param name="folder">The folder's node.</param>
/// <param name="parent">The same folder, open.</param>
/// <param name="name">The stored name in it.</param>
internal readonly ref struct StoredPlace(Node folder, FileDescriptor parent, NativeName name)
{
    /// <summary>The folder's node.</summary>
    internal Node Folder { get; } = folder;

    /// <summary>The same folder, open.</summary>
    internal FileDescriptor Parent { get; } = parent;

    /// <summary>The stored name in it.</summary>
    internal NativeName Name { get; } = name;
}
