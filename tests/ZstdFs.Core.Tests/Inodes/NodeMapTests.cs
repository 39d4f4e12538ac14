using ZstdFs.Core.Inodes;

namespace ZstdFs.Core.Tests.Inodes;

/// <summary>A map holds what a dictionary would.</summary>
internal sealed class NodeMapTests
{
    [Test]
    public void ManyAddedAndRemoved_AreThoseOfADictionary()
    {
        var random = new Random(1);
        var map = new NodeMap();
        var model = new Dictionary<ulong, Node>();
        for (int round = 0; round < 6; round++)
        {
            bool grows = round % 2 == 0;
            for (int i = 0; i < 20_000; i++)
            {
                // Numbers that follow each other, and numbers that are a power of two apart.
                ulong id = (ulong)random.Next(30_000) << (random.Next(2) * 32);
                if (random.Next(10) < (grows ? 8 : 2))
                {
                    if (model.TryAdd(id, new Node(id, NodeKind.Stored)))
                        map.Add(model[id]);
                }
                else if (model.Remove(id, out Node? removed))
                {
                    Assert.That(map.Remove(removed), Is.True);
                    Assert.That(map.Remove(removed), Is.False, "it is gone");
                }
                else
                    Assert.That(map.Remove(new Node(id, NodeKind.Stored)), Is.False);
            }
            if (!grows)
                map.TrimExcess();
            Assert.That(map.Count, Is.EqualTo(model.Count));
            Assert.That(map.All.ToHashSet().SetEquals(model.Values) && map.All.Count() == model.Count, Is.True);
            Assert.That(Enumerable.Range(0, 30_000).All(i => map.Find((ulong)i) == model.GetValueOrDefault((ulong)i)),
                Is.True);
        }
    }

    [Test]
    public void AnotherNodeOfTheSameId_IsNotRemovedForIt()
    {
        var map = new NodeMap();
        var here = new Node(5, NodeKind.Stored);
        map.Add(here);
        Assert.That(map.Remove(new Node(5, NodeKind.Directory)), Is.False);
        Assert.That(map.Find(5), Is.SameAs(here));
    }
}
