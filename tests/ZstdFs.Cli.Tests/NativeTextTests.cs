using System.Text;
using ZstdFs.Cli.Options;

namespace ZstdFs.Cli.Tests;

[TestFixture]
internal sealed class NativeTextTests
{
    [Test]
    public void AnyBytes_ComeBackTheSame()
    {
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = new byte[random.Next(40)];
            random.NextBytes(bytes);
            Assert.That(NativeText.Encode(NativeText.Decode(bytes)), Is.EqualTo(bytes));
        }
    }

    [Test]
    public void EmptyWordsAtTheEnd_AreWords() => Assert.That(
        NativeText.Arguments(["mount", "\ufffd", "", ""], [.. "zstdfs\0mount\0"u8, 0xff, 0, 0, 0]),
        Is.EqualTo(new[] { "mount", "\udcff", "", "" }));

    [Test]
    public void Utf8_IsItsOwnText() =>
        Assert.That(NativeText.Decode(Encoding.UTF8.GetBytes("grüße/🙂")), Is.EqualTo("grüße/🙂"));

    [TestCase(new byte[] { 0x61, 0xff, 0x0a, 0x1b, 0x62 }, "a\\xff\\x0a\\x1bb")]
    [TestCase(new byte[] { 0xf0, 0x9f, 0x99, 0x82 }, "🙂")]
    [TestCase(new byte[] { 0xe2, 0x80, 0xae, 0xe2, 0x80, 0xa8 }, "\\x202e\\x2028")]
    [TestCase(new byte[] { 0xe2, 0x82 }, "\\xe2\\x82")]
    public void Printable_IsOneLineThatATerminalDoesNotObey(byte[] bytes, string shown) =>
        Assert.That(NativeText.Printable(NativeText.Decode(bytes)), Is.EqualTo(shown));
}
