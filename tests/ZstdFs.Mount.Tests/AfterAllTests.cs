using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests;

/// <summary>What tests of this whole namespace shared is taken away.</summary>
[SetUpFixture]
internal sealed class AfterAllTests
{
    [OneTimeTearDown]
    public static void RemoveFolders()
    {
        SharedImages.Remove();
        // Of daemons that ended after the last test.
        Assert.That(UnexpectedFailures.Take(), Is.Empty);
        string left = string.Join(' ', RunFolder.Remains.Where(entry => entry != TestMachine.SharedProgramFolder));
        if (left.Length > 0)
            TestContext.Error.WriteLine($"left behind by tests, and removed now: {left}");
        RunFolder.Remove();
    }
}
