using System.Numerics;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// Nodes by their ids, chained through the nodes themselves. A dictionary would take 40 bytes more for each node, and
/// what it grew out of would stay until the oldest objects are collected. Not synchronised.
/// </summary>
internal sealed class NodeMap
{
    private const int FewestChains = 1024;

    // The number of chains is a power of two, and no smaller than that of nodes.
    private Node?[] _chains = new Node?[FewestChains];

    /// <summary>How many nodes it has.</summary>
    internal int Count { get; private set; }

    /// <summary>All nodes, in no order.</summary>
    internal IEnumerable<Node> All
    {
        get
        {
            foreach (Node? first in _chains)
            {
                for (Node? node = first; node is not null; node = node.NextInMap)
                    yield return node;
            }
        }
    }

    /// <summary>The node of this id, or null.</summary>
    internal Node? Find(ulong id)
    {
        Node? node = Chain(id);
        while (node is not null && node.Id != id)
            node = node.NextInMap;
        return node;
    }

    /// <summary>Takes a node that is in no map; none here has its id.</summary>
    internal void Add(Node node)
    {
        if (Count == _chains.Length)
            SetChains(_chains.Length * 2);
        Count++;
        Prepend(node);
    }

    /// <summary>Lets go of a node. False where it is not here; another of its id may be.</summary>
    internal bool Remove(Node node)
    {
        ref Node? link = ref Chain(node.Id);
        while (link is not null && link != node)
            link = ref link.NextInMap;
        if (link is null)
            return false;
        link = node.NextInMap;
        node.NextInMap = null;
        Count--;
        return true;
    }

    /// <summary>Gives the memory back that was taken for more nodes than there are.</summary>
    internal void TrimExcess() => SetChains(Math.Max(FewestChains, (int)BitOperations.RoundUpToPowerOf2((uint)Count)));

    private void SetChains(int count)
    {
        Node?[] before = _chains;
        _chains = new Node?[count];
        foreach (Node? first in before)
        {
            for (Node? node = first, next; node is not null; node = next)
            {
                next = node.NextInMap;
                Prepend(node);
            }
        }
    }

    private void Prepend(Node node)
    {
        ref Node? first = ref Chain(node.Id);
        node.NextInMap = first;
        first = node;
    }

    // The highest bits of a product with 2^64 divided by the golden ratio: numbers given one after the other, and those
    // of one disk's inode tables, are spread evenly.
    private ref Node? Chain(ulong id) =>
        ref _chains[(id * 0x9E3779B97F4A7C15) >> (64 - BitOperations.Log2((uint)_chains.Length))];
}
