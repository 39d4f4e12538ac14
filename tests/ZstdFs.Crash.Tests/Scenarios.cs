using ZstdFs.Crash.Tests.Histories;

namespace ZstdFs.Crash.Tests;

/// <summary>A workload by name.</summary>
internal sealed record Scenario(string Name, Action<Workload, Random> Run)
{
    public override string ToString() => Name;
}

/// <summary>Every op alone, ops in sequences of two and three, and what programs do.</summary>
internal static class Scenarios
{
    private static readonly (string Name, Action<Workload, Random> Run)[] Steps =
    [
        ("create", static (w, c) => w.Write($"new{c.Next(1000)}", c.Next(1, 60_000))),
        ("create-large", static (w, c) => w.Write("large", Workload.LargeBytes + c.Next(5000))),
        ("overwrite", static (w, c) => w.Write("a", c.Next(1, 60_000))),
        ("append", static (w, c) => w.Append("a", c.Next(1, 9000))),
        ("patch", static (w, c) => w.Patch("b", c.Next(0, 20_000), c.Next(1, 9000))),
        ("patch-large", static (w, c) => w.Patch("big", c.Next(0, 1_000_000), c.Next(1, 90_000))),
        ("truncate", static (w, c) => w.Truncate("b", c.Next(0, 30_000))),
        ("truncate-large", static (w, c) => w.Truncate("big", c.Next(1, Workload.LargeBytes))),
        ("rename", static (w, c) => { if (w.Has("a")) w.Rename("a", $"moved{c.Next(1000)}"); w.Write("a", 5000); }),
        ("rename-over", static (w, _) => { w.Write("tmp", 7000); w.Rename("tmp", "b"); }),
        ("rename-over-large", static (w, _) => { w.Write("tmp", Workload.LargeBytes); w.Rename("tmp", "big"); }),
        ("unlink", static (w, _) => { w.Write("victim", 3000); w.Delete("victim"); }),
        ("link-and-write", static (w, c) =>
        {
            string name = $"link{c.Next(1000)}";
            w.Write("base", 20_000);
            w.Link("base", name);
            w.Append("base", 12_000);
            w.NoteOtherNames("base", name);
            w.Delete(name);
        }),
        ("fsync", static (w, _) => w.Synchronize("a")),
        ("fsync-large", static (w, _) => w.Synchronize("big")),
        ("sync", static (w, _) => w.SynchronizeAll()),
        ("fsync-while-open", static (w, c) =>
        {
            using Workload.OpenFile file = w.Open("b");
            for (int i = 0; i < 3; i++)
            {
                file.Write(c.Next(0, file.Length + 1), c.Next(1, 9000));
                file.Synchronize();
            }
        }),
    ];

    private static readonly Scenario[] Programs =
    [
        new("save-by-rename", static (w, _) =>
        {
            for (int i = 0; i < 4; i++)
            {
                w.Write("document~", 20_000 + i);
                w.Synchronize("document~");
                w.Rename("document~", "document");
            }
        }),
        new("save-by-rename-without-fsync", static (w, _) =>
        {
            w.Write("document", 20_000);
            w.SynchronizeAll();
            for (int i = 0; i < 4; i++)
            {
                w.Write("document~", 20_000 + i);
                w.Rename("document~", "document");
            }
        }),
        new("append-log", static (w, c) =>
        {
            using Workload.OpenFile log = w.Open("log");
            for (int i = 0; i < 12; i++)
            {
                log.Write(log.Length, c.Next(50, 3000));
                if (i % 2 == 0)
                    log.Synchronize();
            }
        }),
        new("append-log-reopened", static (w, c) =>
        {
            for (int i = 0; i < 10; i++)
            {
                w.Append("log", c.Next(50, 3000));
                if (i % 3 == 0)
                    w.Synchronize("log");
            }
        }),
        new("database-commit", static (w, c) =>
        {
            w.Write("db", 100_000);
            w.Synchronize("db");
            for (int i = 0; i < 3; i++)
            {
                w.Write("db-journal", 12_000);
                w.Synchronize("db-journal");
                using (Workload.OpenFile db = w.Open("db"))
                {
                    db.Write(4096 * c.Next(0, 20), 8192);
                    db.Synchronize();
                }
                w.Delete("db-journal");
            }
        }),
        new("untar", static (w, c) =>
        {
            for (int i = 0; i < 15; i++)
                w.Write($"file{i}", c.Next(0, 30_000));
            w.SynchronizeAll();
        }),
        new("download", static (w, c) =>
        {
            using (Workload.OpenFile file = w.Open("part"))
            {
                for (int i = 0; i < 20; i++)
                    file.Write(file.Length, 130_000);
                file.Synchronize();
            }
            w.Rename("part", "download");
        }),
        new("hard-linked-backup", static (w, c) =>
        {
            w.Write("today", 40_000);
            w.SynchronizeAll();
            w.Link("today", "yesterday");
            w.Patch("today", 1000, 3000);
            w.NoteOtherNames("today", "yesterday");
            w.SynchronizeAll();
            w.Write("today", 50_000);
            w.NoteOtherNames("today", "yesterday");
        }),
    ];

    /// <summary>A small set that meets each of the three ways of a commit.</summary>
    internal static IEnumerable<Scenario> Few => Programs.Where(static p => p.Name is "save-by-rename" or "append-log" or "hard-linked-backup" or "download");

    /// <summary>All of them: programs, each step alone, and chosen pairs and triples.</summary>
    internal static IEnumerable<Scenario> All
    {
        get
        {
            var chance = new Random(5);
            foreach (Scenario program in Programs)
                yield return program;
            foreach ((string, Action<Workload, Random>) step in Steps)
                yield return Sequence([step]);
            for (int i = 0; i < 30; i++)
                yield return Sequence(chance.GetItems(Steps, i < 15 ? 2 : 3));
        }
    }

    private static Scenario Sequence((string Name, Action<Workload, Random> Run)[] steps) => new(string.Join('+', steps.Select(static s => s.Name)), (workload, chance) =>
    {
        workload.Write("a", 10_000);
        workload.Write("b", 45_000);
        workload.Write("big", Workload.LargeBytes);
        workload.SynchronizeAll();
        foreach ((_, Action<Workload, Random> run) in steps)
            run(workload, chance);
    });
}
