namespace ZstdFs.Core.Tests;

/// <summary>What anybody can bring about as often as he likes is told a bounded number of times.</summary>
internal sealed class BoundedLogTests
{
    private sealed class Clock : TimeProvider
    {
        internal TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private sealed class Lines : List<string>, IEventLog
    {
        public void Information(string message) => Add(message);
        public void Warning(string message) => Add(message);
        public void Error(string message) => Add(message);
    }

    private readonly Clock _clock = new();
    private readonly Lines _lines = [];
    private BoundedLog _log = null!;

    [SetUp]
    public void Start()
    {
        _lines.Clear();
        _clock.Now = TimeSpan.FromDays(1);
        _log = new BoundedLog(_lines, _clock);
    }

    [Test]
    public void UnexpectedFailure_IsCounted_AndTheFirstIsToldHoweverMuchWasToldBefore()
    {
        for (int i = 0; i < 2 * BoundedLog.MostEvents; i++)
            _log.Error($"f{i}: damaged");
        _lines.Clear();
        for (int i = 0; i < 3; i++)
            _log.Unexpected("g: Read failed", new InvalidOperationException("why"));
        Assert.That(_log.UnexpectedFailures, Is.EqualTo(3));
        Assert.That(_lines, Has.Count.EqualTo(1));
        Assert.That(_lines[0],
            Does.Contain("g: Read failed").And.Contain(BoundedLog.UnexpectedWords).And.Contain("why"));
    }

    [Test]
    public void UnexpectedFailureOfALongPath_IsStillCalledSo()
    {
        _log.Unexpected(
            $"'{new string('p', 5000)}': Read failed", new InvalidOperationException(new string('w', 5000)));
        Assert.That(
            _lines.Single(), Does.Contain(BoundedLog.UnexpectedWords).And.Contain("Read failed").And.Contain("'ppp"));
        Assert.That(_lines[0], Has.Length.LessThan(BoundedLog.LongestMessage + 10));
    }

    [Test]
    public void SameEvent_IsToldOnceInAnHour()
    {
        for (int i = 0; i < 1000; i++)
            _log.Error("f: damaged");
        Assert.That(_lines, Is.EqualTo(new[] { "f: damaged" }));
        _clock.Now += BoundedLog.Period;
        _log.Error("f: damaged");
        Assert.That(_lines, Has.Count.EqualTo(2));
    }

    [Test]
    public void DamagesOfOneFile_AreToldOnceForEachVersion()
    {
        for (int i = 0; i < 1000; i++)
            _log.Error($"f: damaged at {i}", "damage", 1);
        _log.Error("f: not committed", "commit", 1);
        _log.Error("f: damaged at 7", "damage", 2);
        Assert.That(_lines, Is.EqualTo(new[] { "f: damaged at 0", "f: not committed", "f: damaged at 7" }));
    }

    [Test]
    public void ManyEvents_AreCountedFromABoundOn()
    {
        for (int i = 0; i < 10_000; i++)
            _log.Warning($"f{i}: damaged");
        Assert.That(_lines, Has.Count.EqualTo(BoundedLog.MostEvents));
        _clock.Now += BoundedLog.Period;
        _log.Warning("another");
        Assert.That(_lines[^2..],
            Is.EqualTo(new[] { "there were 9500 events more than the 500 that are told in 1 hour: they are left out",
                "another" }));
    }

    [Test]
    public void LongMessage_KeepsItsBeginningAndItsEnd()
    {
        _log.Error("first" + new string('x', 1_000_000) + "last");
        Assert.That(_lines[0],
            Has.Length.LessThan(BoundedLog.LongestMessage + 10).And.StartWith("first").And.EndWith("last"));
    }
}
