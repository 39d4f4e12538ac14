namespace ZstdFs.Mount.Tests.Models;

/// <summary>What a step does.</summary>
internal enum ModelOp
{
    Open, OpenNew, OpenEmpty, OpenAppending, Close, Write, Read, TruncateOpen, TruncateName, Synchronize, Rename, Link,
        Symlink, Unlink, MakeFolder, RemoveFolder, ChangeMode, List, ReadAll,
    /// <summary>On the mount alone: nothing of it may show.</summary>
    SyncMount, Remount, Kill,
}

/// <summary>
/// One step of a random sequence: an op with all that it needs, so that a sequence can be run again, or a part of it.
/// </summary>
internal sealed record ModelStep(ModelOp Op, string Name, string Other, int Handle, long Offset, int Length, int Seed)
{
    private static readonly string[] Names = ["a", "b", "c", "d/a", "d/b", "e/a", "d", "e"];

    private static readonly (ModelOp Op, int Weight)[] Weights =
    [
        (ModelOp.Open, 8), (ModelOp.OpenNew, 4), (ModelOp.OpenEmpty, 6), (ModelOp.OpenAppending, 5),
            (ModelOp.Close, 18), (ModelOp.Write, 30), (ModelOp.Read, 15), (ModelOp.TruncateOpen, 5),
        (ModelOp.TruncateName, 3), (ModelOp.Synchronize, 3), (ModelOp.Rename, 9), (ModelOp.Link, 5),
            (ModelOp.Symlink, 2), (ModelOp.Unlink, 6), (ModelOp.MakeFolder, 4), (ModelOp.RemoveFolder, 2),
        (ModelOp.ChangeMode, 3), (ModelOp.List, 4), (ModelOp.ReadAll, 8),
    ];

    internal static ModelStep Next(Random chance, int sinceRemount)
    {
        ModelOp op = sinceRemount > 400 && chance.Next(100) == 0
            ? (ModelOp)chance.Next((int)ModelOp.SyncMount, (int)ModelOp.Kill + 1) : Pick(chance);
        int length = chance.Next(6) switch { 0 => chance.Next(1, 600_000), 1 => 4096, _ => chance.Next(1, 9000) };
        long offset = chance.Next(5) switch { 0 => chance.Next(1_200_000), 1 => 4096 * chance.Next(20),
            _ => chance.Next(20_000) };
        return new ModelStep(op, Names[chance.Next(Names.Length)], Names[chance.Next(Names.Length)], chance.Next(4),
            offset, length, chance.Next());
    }

    private static ModelOp Pick(Random chance)
    {
        int at = chance.Next(Weights.Sum(static w => w.Weight));
        foreach ((ModelOp op, int weight) in Weights)
        {
            if ((at -= weight) < 0)
                return op;
        }
        return ModelOp.Read;
    }
}
