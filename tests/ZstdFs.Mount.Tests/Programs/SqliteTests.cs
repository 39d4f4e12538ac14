using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>A database: locks, fsync, a journal, and in WAL mode an index that processes share by mmap.</summary>
internal sealed class SqliteTests(Ground ground) : ProgramTests(ground)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [TestCase("wal")]
    [TestCase("delete")]
    [TestCase("truncate")]
    [TestCase("persist")]
    public void Database_StaysIntact(string mode)
    {
        Assert.That(
            Bash($"sqlite3 db 'pragma journal_mode={mode}; create table t(id integer primary key, text); "
                + "create index i on t(text);'"),
            Is.EqualTo(mode));
        Bash(
            """
            for round in $(seq 5); do
                sqlite3 db "with recursive n(x) as (select 1 union all select x + 1 from n where x < 400)
                    insert into t(text) select 'row ' || x || hex(randomblob(200)) from n;
                    update t set text = 'new ' || id where id % 3 = 0; delete from t where id % 17 = 0;
                    begin; delete from t; rollback;"
            done
            """, Limit);
        const string check =
            "sqlite3 db 'pragma integrity_check; select count(*), sum(length(text)) from t; pragma journal_mode;'";
        string before = Bash(check);
        Assert.That(before, Does.StartWith("ok\n").And.Not.StartWith("ok\n0|"));
        AssertKept();
        Assert.That(Bash(check), Is.EqualTo(before));
        Bash("sqlite3 db 'insert into t(text) values (1); vacuum;'");
        Assert.That(Bash("sqlite3 db 'pragma integrity_check'"), Is.EqualTo("ok"));
    }

    [TestCase("wal")]
    [TestCase("delete")]
    public void TwoWriters_LoseNothing(string mode)
    {
        Bash($"sqlite3 db 'pragma journal_mode={mode}; create table t(who, n);'");
        Bash(
            """
            write() { for n in $(seq 40); do sqlite3 -cmd '.timeout 30000' db "insert into t values ('$1', $n)"; done; }
            write a & first=$!
            write b & second=$!
            wait $first && wait $second
            """, Limit);
        Assert.That(Bash("sqlite3 db 'pragma integrity_check; select who, count(distinct n) from t group by who'"),
            Is.EqualTo("ok\na|40\nb|40"));
    }

    [Test]
    public void ReaderOfAWalDatabase_SeesItsSnapshotAndThenTheCommit() => Python(
        """
        import sqlite3
        writer = sqlite3.connect("db", isolation_level=None)
        assert writer.execute("pragma journal_mode=wal").fetchone()[0] == "wal"
        writer.execute("create table t(x)")
        writer.execute("insert into t values (1)")
        reader = sqlite3.connect("db", isolation_level=None)
        reader.execute("begin")
        assert reader.execute("select count(*) from t").fetchone()[0] == 1
        writer.executemany("insert into t values (?)", ((i,) for i in range(100)))
        assert reader.execute("select count(*) from t").fetchone()[0] == 1
        reader.execute("commit")
        assert reader.execute("select count(*) from t").fetchone()[0] == 101
        """);
}
