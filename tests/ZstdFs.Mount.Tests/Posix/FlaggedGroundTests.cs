using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>Tests that set flags of chattr(1).</summary>
internal abstract class FlaggedGroundTests(Ground ground) : RootGroundTests(ground)
{
    /// <summary>For a test that sets flags.</summary>
    protected void RequireFlags()
    {
        TestMachine.RequireRoot("setting inode flags");
        Assert.That(
            Shell.Run(
                $"touch '{Outside}/probe' && chattr +a '{Outside}/probe' && chattr -a '{Outside}/probe'").ExitCode,
            Is.Zero, "the tests' folder must be on a file system with inode flags");
    }

    [TearDown]
    public void LiftFlags() =>
        Shell.Run(
            $"chattr -R -i -a '{Folder}' '{Outside}' 2>/dev/null; "
            + $"{(OnMount ? $"chattr -R -i -a '{Mounted.Source}'" : ":")}");
}
