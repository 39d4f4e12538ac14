using System.Security.Cryptography;
using System.Text;
using ZstdFs.Core.Source;

namespace ZstdFs.Core.Tests.Source;

/// <summary>
/// Logical name ↔ name in the source: every name of a small language, of both kinds, goes there and back, and no two
/// meet.
/// </summary>
[TestFixture]
internal sealed class StoredNameTests
{
    private const int MostParts = 5, Longest = 255;

    private static readonly string[] Parts =
        ["a", ".", "%", ".zs", ".zst", ".zs%", "%0123456789abcdef0123456789abcdef"];

    private static string FileName(string logical) =>
        Encoding.Latin1.GetString(
            StoredName.Of(Encoding.Latin1.GetBytes(logical), new byte[StoredName.BufferBytes]).Bytes);

    private static string NodeName(string logical) =>
        Encoding.Latin1.GetString(
            StoredName.OfNode(Encoding.Latin1.GetBytes(logical), new byte[StoredName.BufferBytes]).Bytes);

    private static bool IsStored(string name, out string logical)
    {
        bool isStored = StoredName.TryToLogical(Encoding.Latin1.GetBytes(name), out ReadOnlySpan<byte> stem);
        logical = Encoding.Latin1.GetString(stem);
        return isStored;
    }

    /// <summary>
    /// All words of up to five parts; the same behind a head that brings them to every length from 216 bytes on; and
    /// what shortened names look like.
    /// </summary>
    private static HashSet<string> Names()
    {
        var words = new List<string> { "" };
        for (int from = 0, length = 0; length < MostParts; length++)
        {
            int end = words.Count;
            for (; from < end; from++)
                words.AddRange(Parts.Select(part => words[from] + part));
        }
        var names = new HashSet<string>(words.Where(w => w.Length is > 0 and <= Longest && w is not ("." or "..")));
        foreach (string word in words.Where(w => w.Length < 80))
        {
            foreach (int length in new[] { 216, 217, 218, 219, 250, 251, 252, 253, 254, 255 })
                names.Add(new string('n', length - word.Length) + word);
        }
        for (int again = 0; again < 2; again++)
        {
            foreach (string name in names.Where(n => StoredName.IsShortened(Encoding.Latin1.GetBytes(n))).ToArray())
            {
                if (IsStored(FileName(name), out string stem))
                    names.Add(stem);
            }
        }
        return names;
    }

    [Test]
    public void NoTwoLogicalNames_HaveOneNameInTheSource()
    {
        HashSet<string> names = Names();
        var logicalOf = new Dictionary<string, string>();
        int shortened = 0, escaped = 0, tooLong = 0;
        foreach (string name in names)
        {
            string file = FileName(name), node = NodeName(name);
            Assert.That(file, Has.Length.LessThanOrEqualTo(Longest));
            Assert.That(IsStored(file, out _), Is.True, name);
            Assert.That(logicalOf.TryAdd(file, name), Is.True,
                () => $"{name} and {logicalOf[file]} are both stored as {file}");
            shortened += file == name + ".zst" ? 0 : 1;
            escaped += node == name ? 0 : 1;
            if (node.Length > Longest)
                tooLong++;
            else
                Assert.That(logicalOf.TryAdd(node, name) || logicalOf[node] == name, Is.True,
                    () => $"{name} and {logicalOf[node]} are both {node}");
        }
        Assert.Multiple(() =>
        {
            Assert.That(names, Has.Count.GreaterThan(20_000));
            Assert.That(shortened, Is.GreaterThan(1000));
            Assert.That(escaped, Is.GreaterThan(1000));
            Assert.That(tooLong, Is.GreaterThan(0));
        });
    }

    [Test]
    public void EveryName_ComesBack()
    {
        byte[] buffer = new byte[StoredName.BufferBytes];
        foreach (string name in Names())
        {
            string file = FileName(name), node = NodeName(name);
            Assert.That(Encoding.Latin1.GetString(StoredName.ToLogicalNode(Encoding.Latin1.GetBytes(node), buffer)),
                Is.EqualTo(name));
            // Which of the two an entry is, its name tells: what stock zstd is given are files.
            Assert.That(IsStored(node, out _), Is.False, name);
            Assert.That(IsStored(file, out string stem), Is.True);
            if (stem != name)
                Assert.That(
                    StoredName.LooksShortened(Encoding.Latin1.GetBytes(stem))
                        && StoredName.IsShortened(Encoding.Latin1.GetBytes(name)),
                    Is.True, name);
        }
    }

    [TestCase("a", "a.zst", "a")]
    [TestCase("a.zst", "a.zst.zst", "a.zs%")]
    [TestCase("a.zs%", "a.zs%.zst", "a.zs%%")]
    [TestCase("a.zs%%", "a.zs%%.zst", "a.zs%%%")]
    [TestCase(".zst", ".zst.zst", ".zst")]
    [TestCase(".zs%", ".zs%.zst", ".zs%")]
    [TestCase("a%", "a%.zst", "a%")]
    public void Example_IsStoredAs(string logical, string file, string node) =>
        Assert.That((FileName(logical), NodeName(logical)), Is.EqualTo((file, node)));

    [Test]
    public void LongName_IsItsHeadAndHashAsSha256SumPrintsIt()
    {
        string name = new('x', 252),
            hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(name)).AsSpan(0, 16));
        Assert.That(FileName(name), Is.EqualTo($"{new string('x', 218)}%{hash}.zst"));
    }

    [Test]
    public void LongName_IsNotCutWithinACharacter([Range(0, 4)] int shift)
    {
        byte[] name = Encoding.UTF8.GetBytes(new string('x', shift) + string.Concat(Enumerable.Repeat("€", 84)));
        byte[] stored = StoredName.Of(name.AsSpan(0, 252), new byte[StoredName.BufferBytes]).Bytes.ToArray();
        Assert.That(() => new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(stored), Throws.Nothing);
        Assert.That(stored, Has.Length.InRange(252, Longest));
    }

    [Test]
    public void Hash_IsSha256()
    {
        for (int length = 0; length <= 300; length++)
        {
            byte[] message = new byte[length], hash = new byte[Sha256.Bytes];
            new Random(length).NextBytes(message);
            Sha256.Hash(message, hash);
            Assert.That(hash, Is.EqualTo(SHA256.HashData(message)));
        }
    }
}
