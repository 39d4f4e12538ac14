using System.Text;
using ZstdFs.Core.Policy;

namespace ZstdFs.Core.Tests.Policy;

[TestFixture]
internal sealed class NamePatternTests
{
    [TestCase("*.c", "a.c", true)]
    [TestCase("*.c", "deep/in/a.c", true, Description = "without a slash it is the name that counts")]
    [TestCase("*.c", "a.cc", false)]
    [TestCase("a?c", "abc", true)]
    [TestCase("a?c", "ac", false)]
    [TestCase("[a-cx]1", "b1", true)]
    [TestCase("[a-cx]1", "d1", false)]
    [TestCase("[!a-c]1", "d1", true)]
    [TestCase("[", "[", true, Description = "a set that does not end is a character")]
    [TestCase("\\*", "*", true)]
    [TestCase("\\*", "a", false)]
    [TestCase("src/*.c", "src/a.c", true)]
    [TestCase("src/*.c", "src/b/a.c", false)]
    [TestCase("src/*.c", "x/src/a.c", false)]
    [TestCase("/src/*", "src/a", true)]
    [TestCase("**/a.c", "a.c", true)]
    [TestCase("**/a.c", "x/y/a.c", true)]
    [TestCase("src/**", "src/x/y", true)]
    [TestCase("src/**/z", "src/z", true)]
    [TestCase("", "", true)]
    [TestCase("*", "", true)]
    public void Pattern_MatchesAsShellsDo(string pattern, string path, bool matches) =>
        Assert.That(new NamePattern(Encoding.UTF8.GetBytes(pattern)).Matches(Encoding.UTF8.GetBytes(path)),
            Is.EqualTo(matches));

    [Test]
    public void Bytes_NeedNotBeUtf8() => Assert.That(new NamePattern([(byte)'*', 0xff]).Matches([0xfe, 0xff]), Is.True);
}
