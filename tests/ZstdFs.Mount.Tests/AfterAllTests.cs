using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests;

/// <summary>What tests of this whole namespace shared is taken away.</summary>
[SetUpFixture]
internal sealed class AfterAllTests
{
    [OneTimeTearDown]
    public static void RemoveImages() => SharedImages.Remove();
}
