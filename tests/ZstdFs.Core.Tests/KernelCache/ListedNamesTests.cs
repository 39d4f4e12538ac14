using System.Text;
using ZstdFs.Core.KernelCache;

namespace ZstdFs.Core.Tests.KernelCache;

/// <summary>The order of a listing, and what of it is in memory at a time.</summary>
internal sealed class ListedNamesTests
{
    private static readonly ListingOrder Order = new(new Guid([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]));

    private static byte[] NameOf(int number) => Encoding.ASCII.GetBytes($"name {number}");

    /// <summary>SipHash-1-3 of its authors' key and messages, as other programs have it.</summary>
    [TestCase("", 0xabac0158050fc4dcUL)]
    [TestCase("00", 0xc9f49bf37d57ca93UL)]
    [TestCase("000102030405060708090a", 0x70c118c1f94dc352UL)]
    public void Position_IsThatOfTheStandardHash(string message, ulong hash) =>
        Assert.That(Order.PositionOf(Convert.FromHexString(message)),
            Is.EqualTo((hash >> 2) + ListingOrder.Parent + 1));

    [Test]
    public void PiecesOfALargeFolder_GiveEachNameOnce_WhateverTheyAreToldTwice(
        [Values(300, 5_000, 1_000_000)] int roomBytes)
    {
        const int Count = 3_000;
        var names = new ListedNames(roomBytes);
        var listed = new List<string>();
        ulong after = 0, last = 0;
        int pieces = 0;
        for (; after != ulong.MaxValue; after = names.UpTo, pieces++)
        {
            names.Begin(after);
            // In an order that has nothing to do with theirs, every seventh once more.
            for (int i = 0; i < Count; i++)
            {
                byte[] name = NameOf(i * 1_009 % Count);
                names.Add(Order.PositionOf(name), name, ListedForm.Shown, 8);
                if (i % 7 == 0)
                    names.Add(Order.PositionOf(NameOf(i)), NameOf(i), ListedForm.Shown, 8);
            }
            names.Complete();
            for (int i = 0; i < names.Count; i++)
            {
                Assert.That(names.PositionOf(i), Is.GreaterThan(last));
                last = names.PositionOf(i);
                listed.Add(Encoding.ASCII.GetString(names.NameOf(i)));
            }
        }
        Assert.That(listed, Is.EquivalentTo(Enumerable.Range(0, Count).Select(i => $"name {i}")));
        Assert.That(pieces, roomBytes < 1_000_000 ? Is.GreaterThan(10) : Is.EqualTo(1));
        Assert.That(roomBytes >= 1_000_000 || names.Bytes < 10 * Math.Max(roomBytes, 3000));
    }

    /// <summary>Short names beside long ones: a short one may be what the room is too small for.</summary>
    [Test]
    public void FoldersAboveTheRoom_GiveEachNameOnce_HoweverLongTheNamesAre()
    {
        var random = new Random(7);
        for (int folder = 0; folder < 400; folder++)
        {
            var all = new Dictionary<ulong, byte[]>();
            for (int i = random.Next(1, 300); i > 0; i--)
            {
                byte[] name = Encoding.ASCII.GetBytes(
                    $"{i}{new string('x', random.Next(4) == 0 ? random.Next(250) : 0)}");
                all.TryAdd((ulong)random.NextInt64(1, folder % 2 == 0 ? 2_000 : long.MaxValue), name);
            }
            KeyValuePair<ulong, byte[]>[] order = [.. all];
            random.Shuffle(order);
            var names = new ListedNames(random.Next(100, 3_000));
            var listed = new List<string>();
            for (ulong after = 0; after != ulong.MaxValue; after = names.UpTo)
            {
                names.Begin(after);
                foreach ((ulong position, byte[] name) in order)
                {
                    for (int times = random.Next(8) == 0 ? 2 : 1; times > 0; times--)
                        names.Add(position, name, ListedForm.Shown, 8);
                }
                names.Complete();
                for (int i = names.IndexBehind(after); i < names.Count; i++)
                    listed.Add(Encoding.ASCII.GetString(names.NameOf(i)));
            }
            Assert.That(
                listed,
                Is.EqualTo(all.OrderBy(name => name.Key).Select(name => Encoding.ASCII.GetString(name.Value))),
                $"folder {folder}");
        }
    }

    [Test]
    public void BothFormsOfAFile_AreOneName()
    {
        var names = new ListedNames();
        names.Begin(0);
        foreach ((int number, ListedForm form) in new[] { (1, ListedForm.Shown), (2, ListedForm.Plain),
            (1, ListedForm.Plain), (3, ListedForm.Shown) })
            names.Add(Order.PositionOf(NameOf(number)), NameOf(number), form, 8);
        names.Complete();
        Assert.That(Enumerable.Range(0, names.Count)
            .Select(i => $"{Encoding.ASCII.GetString(names.NameOf(i))}: {names.FormOf(i)} {names.TypeOf(i)}"),
            Is.EquivalentTo(new[] { "name 1: Shown, Plain 8", "name 2: Plain 8", "name 3: Shown 8" }));
    }

    [Test]
    public void NamesWhoseHashesMeet_HavePositionsOfTheirOwn_TheSameEachTime()
    {
        List<string> seen = [];
        foreach (int[] order in new[] { new[] { 1, 2, 3, 4 }, [4, 2, 1, 3], [3, 4, 2, 1] })
        {
            var names = new ListedNames();
            names.Begin(0);
            foreach (int number in order.Concat(order))
                names.Add(number == 4 ? 1001UL : 1000, NameOf(number), ListedForm.Shown, 4);
            names.Complete();
            seen.Add(string.Join(' ',
                Enumerable.Range(0, names.Count)
                    .Select(i => $"{names.PositionOf(i)}={Encoding.ASCII.GetString(names.NameOf(i))}")));
            Assert.That(names.IndexBehind(1001), Is.EqualTo(2));
        }
        Assert.That(seen, Is.All.EqualTo("1000=name 1 1001=name 2 1002=name 3 1003=name 4"));
    }
}
