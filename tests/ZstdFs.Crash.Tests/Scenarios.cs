using ZstdFs.Crash.Tests.Histories;
using ZstdFs.Linux;

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
        ("link-folder-fsync",
            static (w, c) =>
                { string name = $"second{c.Next(1000)}"; w.Link("b", name); w.SynchronizeFolder(); w.Delete(name); }),
        ("exchange", static (w, _) => w.Exchange("a", "b")),
        ("exchange-large", static (w, _) => w.Exchange("big", "b")),
        ("create-unnamed", static (w, c) => w.WriteUnnamed($"named{c.Next(1000)}", c.Next(1, 60_000))),
        ("create-unnamed-large", static (w, c) => w.WriteUnnamed($"named{c.Next(1000)}", Workload.LargeBytes)),
        ("create-in-folder",
            static (w, c) => { string folder = $"folder{c.Next(1000)}"; w.MakeFolder(folder); w.Write($"{folder}/f",
                9000); w.SynchronizeFolder(folder); }),
        ("rename-folder",
            static (w, c) => { string folder = $"folder{c.Next(1000)}"; w.MakeFolder(folder); w.Write($"{folder}/f",
                Workload.LargeBytes); w.RenameFolder(folder, folder + "-moved"); }),
        ("attributes", static (w, _) => { w.SetAttributes("a"); w.Append("a", 2000); w.SetAttributes("a"); }),
        ("times",
            static (w, c) => { w.SetTime("a"); w.Append("a", 2000); w.SetTime("a"); w.Patch("big", c.Next(0, 1_000_000),
                5000); w.SetTime("big"); }),
        ("times-while-open", static (w, c) =>
        {
            foreach (string path in (string[])["b", "big"])
            {
                using Workload.OpenFile file = w.Open(path);
                w.SetTime(path);
                file.Write(c.Next(0, file.Length + 1), c.Next(1, 9000));
                w.SetTime(path);
                file.Synchronize();
                w.SetTime(path);
                file.Write(c.Next(0, file.Length + 1), c.Next(1, 9000));
            }
        }),
        ("o-sync", static (w, c) => w.WriteThrough("b", c.Next(0, 20_000), c.Next(1, 9000), OpenFlags.Sync)),
        ("o-dsync-large",
            static (w, c) => w.WriteThrough("big", c.Next(0, 20_000), c.Next(1, 9000), OpenFlags.DataSync)),
        ("msync", static (w, c) => w.WriteMapped("b", c.Next(0, 1000), c.Next(1, 200))),
        ("msync-large", static (w, c) => w.WriteMapped("big", c.Next(0, 900_000), c.Next(1, 20_000))),
        ("fsync-of-folder", static (w, c) => { w.Write($"new{c.Next(1000)}", 3000); w.SynchronizeFolder(); }),
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
        new("grown-far-before-its-first-sync", static (w, c) =>
        {
            foreach (string name in (string[])["grown", "longer"])
            {
                w.Write(name, c.Next(300_000, 500_000));
                using Workload.OpenFile file = w.Open(name);
                // Beyond what is kept in memory, so that the beginning stays where the close has put it.
                if (name == "grown")
                    file.SetLength(c.Next(600_000, 1_500_000));
                else
                    file.Write(c.Next(200_000, 300_000), 700_000);
                file.Synchronize();
            }
            w.Write("rewritten", c.Next(1, 500_000));
            w.Write("rewritten", Workload.LargeBytes);
            w.Synchronize("rewritten");
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
        new("database-write-ahead", static (w, c) =>
        {
            w.Write("db", 100_000);
            w.SynchronizeAll();
            using (Workload.OpenFile log = w.Open("db-wal"))
            {
                for (int i = 0; i < 5; i++)
                {
                    log.Write(log.Length, 4120);
                    log.Synchronize();
                }
            }
            using (Workload.OpenFile db = w.Open("db"))
            {
                for (int i = 0; i < 5; i++)
                    db.Write(4096 * c.Next(0, 20), 4096);
                db.Synchronize();
            }
            w.Truncate("db-wal", 0);
            w.Synchronize("db-wal");
        }),
        new("version-control-commit", static (w, c) =>
        {
            foreach (string folder in new[] { "objects", "objects/1f", "refs", "logs" })
                w.MakeFolder(folder);
            w.Write("refs/main", 41);
            w.SynchronizeAll();
            for (int i = 0; i < 3; i++)
            {
                w.Write("objects/1f/tmp_obj", c.Next(100, 20_000));
                w.Synchronize("objects/1f/tmp_obj");
                w.Link("objects/1f/tmp_obj", $"objects/1f/{i}");
                w.Delete("objects/1f/tmp_obj");
                w.Write("index.lock", 8000 + i);
                w.Synchronize("index.lock");
                w.Rename("index.lock", "index");
                w.Append("logs/main", 150);
                w.Write("refs/main.lock", 41);
                w.Synchronize("refs/main.lock");
                w.Rename("refs/main.lock", "refs/main");
            }
        }),
        new("untar-with-folders", static (w, c) =>
        {
            for (int i = 0; i < 4; i++)
            {
                w.MakeFolder($"d{i}");
                for (int j = 0; j < 4; j++)
                {
                    w.Write($"d{i}/file{j}", c.Next(0, 30_000));
                    w.SetAttributes($"d{i}/file{j}");
                }
                w.SynchronizeFolder($"d{i}");
            }
            w.SynchronizeAll();
            w.RenameFolder("d0", "d9");
            w.SynchronizeFolder();
        }),
        new("compressed-while-written", static (w, _) =>
        {
            using (Workload.OpenFile file = w.Open("long"))
            {
                for (int i = 0; i < 36; i++)
                {
                    file.WriteCompressible(file.Length, 256 * 1024);
                    if (i % 12 == 11)
                        file.Synchronize();
                }
            }
            w.SynchronizeAll();
        }),
        new("emptied-and-written-anew", static (w, c) =>
        {
            w.Write("settings", 30_000);
            w.SynchronizeAll();
            for (int i = 0; i < 4; i++)
            {
                w.Write("settings", i % 2 == 0 ? c.Next(1, 60_000) : Workload.LargeBytes);
                if (i > 1)
                    w.Synchronize("settings");
            }
        }),
        new("save-by-exchange", static (w, c) =>
        {
            w.Write("document", 20_000);
            w.SynchronizeAll();
            for (int i = 0; i < 3; i++)
            {
                w.Write("document~", c.Next(1, 40_000));
                w.Synchronize("document~");
                w.Exchange("document", "document~");
                w.SynchronizeFolder();
                w.Delete("document~");
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
        new("exchanged-with-folder", static (w, _) =>
        {
            w.MakeFolder("folder");
            w.Write("folder/f", 9000);
            w.Write("file", 12_000);
            w.SynchronizeAll();
            w.ExchangeWithFolder("file", "folder", "f");
            w.Append("folder", 3000);
            w.Write("other", 7000);
        }),
        new("cut-and-grown", static (w, c) =>
        {
            w.Write("table", Workload.LargeBytes);
            w.SynchronizeAll();
            using (Workload.OpenFile file = w.Open("table"))
            {
                // What is cut off was written over the stored version, which is not to show again.
                file.Write(1_200_000, 600_000);
                file.SetLength(c.Next(1_000_000, 1_500_000));
                file.Write(file.Length + 100_000, 8000);
            }
            w.SynchronizeAll();
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
    internal static IEnumerable<Scenario> Few =>
        Programs.Where(static p => p.Name is "save-by-rename" or "append-log" or "hard-linked-backup" or "download"
            or "compressed-while-written" or "version-control-commit");

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
            for (int i = 0; i < 60; i++)
                yield return Sequence(chance.GetItems(Steps, i < 30 ? 2 : 3));
        }
    }

    private static Scenario Sequence((string Name, Action<Workload, Random> Run)[] steps) =>
        new(string.Join('+', steps.Select(static s => s.Name)), (workload, chance) =>
    {
        workload.Write("a", 10_000);
        workload.Write("b", 45_000);
        workload.Write("big", Workload.LargeBytes);
        workload.SynchronizeAll();
        foreach ((_, Action<Workload, Random> run) in steps)
            run(workload, chance);
    });
}
