namespace ZstdFs.Crash.Tests.Faults;

/// <summary>Something done once, with one fault.</summary>
internal interface IFaultRun
{
    /// <summary>What is done.</summary>
    string Name { get; }

    /// <summary>The fault came to pass.</summary>
    bool WasHit { get; }

    /// <summary>Calls that could have failed so.</summary>
    long Calls { get; }

    /// <summary>
    /// Where the fault struck and what was wrong then, without numbers: many faults show one mistake.
    /// </summary>
    string? Kind { get; }

    /// <summary>Does it. Returns what is wrong, or null.</summary>
    string? Run();
}
