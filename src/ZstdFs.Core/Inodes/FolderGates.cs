namespace ZstdFs.Core.Inodes;

/// <summary>
/// Keeps changes of names in a folder, and of the folder's times, apart from a commit there, which renames and then puts the folder's time back: to its users nothing
/// happened in it. Held for single system calls only. Order: after any node's <see cref="Node.LinksGate"/>; two folders by <see cref="Enter"/>.
/// </summary>
internal sealed class FolderGates
{
    private const int Count = 64; // folders share gates; a lock in every node would cost memory

    private readonly Lock[] _gates = [.. Enumerable.Range(0, Count).Select(static _ => new Lock())];

    internal Lock this[Node folder] => _gates[folder.Id % Count];

    /// <summary>Both folders' gates, in an order that all agree on.</summary>
    internal Held Enter(Node one, Node other)
    {
        (ulong first, ulong second) = (Math.Min(one.Id % Count, other.Id % Count), Math.Max(one.Id % Count, other.Id % Count));
        _gates[first].Enter();
        _gates[second].Enter();
        return new Held(_gates[first], _gates[second]);
    }

    /// <summary>Two gates held.</summary>
    internal readonly ref struct Held(Lock first, Lock second)
    {
        public void Dispose()
        {
            second.Exit();
            first.Exit();
        }
    }
}
