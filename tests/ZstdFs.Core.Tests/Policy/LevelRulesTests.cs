using System.Text;
using ZstdFs.Core.Policy;

namespace ZstdFs.Core.Tests.Policy;

/// <summary>Rules that give files another level.</summary>
internal sealed class LevelRulesTests
{
    private const string Rules = """
        # level, pattern, size
        19  *.log  >1M
        1   *.log
        -7  build/**

          9  with space  <4K
        22  *  >100G
        """;

    [TestCase("a.log", 2_000_000, 19)]
    [TestCase("deep/a.log", 1024 * 1024 + 1, 19)]
    [TestCase("a.log", 1024 * 1024, 1)]
    [TestCase("build/a.log", 10, 1, Description = "the first that fits counts")]
    [TestCase("build/x/y.o", 10, -7)]
    [TestCase("src/build/y.o", 10, 3)]
    [TestCase("with space", 4095, 9)]
    [TestCase("with space", 4096, 3)]
    [TestCase("big", 1L << 40, 22)]
    [TestCase("text", 5, 3)]
    public void FirstRuleThatFits_GivesTheLevel(string path, long bytes, int level) =>
        Assert.That(
            LevelRules.Parse(Encoding.UTF8.GetBytes(Rules), "rules").LevelFor(Encoding.UTF8.GetBytes(path), bytes, 3),
            Is.EqualTo(level));

    [TestCase("", 3), TestCase("# 19 *", 3), TestCase("\n\n", 3), TestCase("5 *\r\n", 5), TestCase("+4\t*", 4)]
    public void LinesWithoutARule_SayNothing(string text, int level) =>
        Assert.That(LevelRules.Parse(Encoding.UTF8.GetBytes(text), "rules").LevelFor("x"u8, 1, 3), Is.EqualTo(level));

    [TestCase("3 *\nmany *.c", "'rules', line 2: 'many' is no level")]
    [TestCase("23 *", "'rules', line 1: '23' is no level")]
    [TestCase("-8 *", "line 1: '-8' is no level")]
    [TestCase("5", "line 1: the pattern is missing")]
    [TestCase("5 * >", "line 1: '>' is no size")]
    [TestCase("5 * >1Q", "line 1: '>1Q' is no size")]
    [TestCase("5 * <99999999999T", "is no size")]
    public void WrongLine_IsNamed(string text, string expected) =>
        Assert.That(() => LevelRules.Parse(Encoding.UTF8.GetBytes(text), "rules"),
            Throws.TypeOf<FormatException>().With.Message.Contains(expected));

    [TestCase("19 *.log > 1M", "a.log", 2_000_000, 19)]
    [TestCase("19 *.log > 1M", "a.log", 2_000, 3)]
    [TestCase("19 with space\t< \t4K", "with space", 4095, 19)]
    [TestCase("19 a>b c", "a>b c", 10, 19)]
    public void SizeApartFromItsSign_IsTheSame(string rule, string path, long bytes, int level) =>
        Assert.That(
            LevelRules.Parse(Encoding.UTF8.GetBytes(rule), "rules").LevelFor(Encoding.UTF8.GetBytes(path), bytes, 3),
            Is.EqualTo(level));

    [TestCase("5 * > 1MB", "line 1: '> 1MB' is no size")]
    [TestCase("5 * > 1 M", "line 1: '> 1 M' is no size")]
    [TestCase("\n5 > 1M", "line 2: the pattern is missing")]
    public void SizeApartFromItsSignThatIsNone_IsNamed(string text, string expected) =>
        WrongLine_IsNamed(text, expected);

    [Test]
    public void TooLong_IsRefused() =>
        Assert.That(() => LevelRules.Parse(new byte[LevelRules.MaxBytes + 1], "rules"),
            Throws.TypeOf<FormatException>().With.Message.Contains("64 KiB"));
}
