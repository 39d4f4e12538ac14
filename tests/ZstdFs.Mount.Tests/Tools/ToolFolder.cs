using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>
/// A folder for the tools to work on, with a manifest of what was in it at first. Removed whatever was made of it.
/// </summary>
internal sealed class ToolFolder : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <param name="tree">Where the folder is to be; null for the usual place.</param>
    internal ToolFolder(string? tree = null)
    {
        Path = TestMachine.CreateFolder();
        Tree = tree ?? System.IO.Path.Combine(Path, "tree");
        Directory.CreateDirectory(Tree);
    }

    internal string Path { get; }

    /// <summary>The folder that is converted.</summary>
    internal string Tree { get; }

    /// <summary>
    /// Runs <c>zstdfs</c> with these words, as a shell would take them; <paramref name="before"/> may end in a program
    /// such as timeout.
    /// </summary>
    internal static ShellResult Program(string words, ShellUser user = ShellUser.Same, string before = "") =>
        Shell.Run($"{before} '{TestMachine.Program(user)}' {words}", Limit, user);

    /// <summary>As <see cref="Program"/>; the exit code must be this one.</summary>
    internal static ShellResult Require(int exitCode, string words, ShellUser user = ShellUser.Same, string before = "")
    {
        ShellResult result = Program(words, user, before);
        Assert.That(result.ExitCode, Is.EqualTo(exitCode), () => $"zstdfs {words}\n{result}");
        return result;
    }

    /// <summary>Runs a script in the tree; it must succeed.</summary>
    internal string InTree(string script) => Shell.Get($"cd '{Tree}' && {script}", Limit);

    /// <summary>A command that waits until its test makes this file.</summary>
    internal static string Await(string file) => $"until [ -e '{file}' ]; do sleep 0.05; done";

    /// <summary>
    /// A command that makes <paramref name="files"/> files, numbered from 1, in one process: file i holds the lines
    /// that seq(1) writes for these bounds, which may be terms of i.
    /// </summary>
    internal static string Sequences(int files, string prefix, string first, string last) =>
        $"awk 'BEGIN {{ for (i = 1; i <= {files}; i++) {{ name = \"{prefix}\" i; "
        + $"for (n = {first}; n <= {last}; n++) print n > name; close(name) }} }}'";

    private const string Attributes =
        "find . -path ./.zstdfs -prune -o -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex 2>/dev/null | "
        + "grep -v '^user.zstdfs='";

    /// <summary>
    /// Everything that a backup would look at, as text: names, types, modes, owners, sizes, times to the nanosecond,
    /// link counts, which names are one file, extended attributes, ACLs, and a checksum of every content. Read with
    /// native tools alone.
    /// </summary>
    internal static string Manifest(string folder, bool withAccessTimes = true, bool withAttributes = true) =>
        Shell.Get(
        $$"""
        cd '{{folder}}' && export LC_ALL=C
        find . -path ./.zstdfs -prune -o -type f -printf \
            '%P|%y|%m|%U:%G|%s|%T@|%n{{(withAccessTimes ? "|%A@" : "")}}\n' -o -printf '%P|%y|%m|%U:%G|%T@|%l\n' |
            sort
        find . -path ./.zstdfs -prune -o -type f -links +1 -printf '%i %P\n' | sort -k1,1 -k2 |
            awk '{ if ($1 != last) { last = $1; first = $2 } print "same", first, $2 }' | sort
        {{(withAttributes ? Attributes : "true")}}
        find . -path ./.zstdfs -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
        """, Limit);

    /// <summary>A bit of everything that a folder may hold.</summary>
    internal void MakeMixed()
    {
        TestMachine.RequireRoot("owners, ACLs and device nodes");
        InTree(
            """
            mkdir -p a/b/c 'with space' readonly deep
            for i in $(seq 1 120); do seq $i $((i * 37)) > a/b/text$i.txt; done
            printf 'x' > one; : > empty; : > a/.hidden
            head -c 300000 /dev/urandom > noise.jpg
            yes 'a line of a log that goes on and on' | head -c 6000000 > big.log
            head -c 524288 big.log > 'with space/exactly one frame'; head -c 524289 big.log > 'with space/one byte more'
            truncate -s 50M sparse; echo data | dd of=sparse bs=1 seek=20000000 conv=notrunc status=none
            truncate -s 7340033 holes-only
            seq 1 5000 > link1; ln link1 a/link2; ln link1 a/b/c/link3
            ln -s one symlink; ln -s /nowhere dangling; mkfifo fifo; mknod device c 1 3
            printf 'not utf-8\n' > $'name-\xff\xfe'; printf 'newline\n' > $'new\nline'; mkdir $'folder-\xe4'
            seq 1 99 > $'folder-\xe4/inner'
            seq 1 300 > a/acl; setfacl -m u:12345:rw,g:54321:r a/acl; mkdir a/default
            setfacl -d -m u:12345:rwx a/default; seq 1 10 > a/default/plain; setfacl -b a/default/plain
            seq 1 20 > xattr; setfattr -n user.comment -v 'kept' xattr; setfattr -n user.binary -v 0x00ff00 xattr
            setfattr -n trusted.mine -v x xattr
            seq 1 30 > suid; chown 1234:4321 suid; chmod 6755 suid; seq 1 40 > secret; chmod 000 secret
            chown 99:98 'with space'; chmod 1777 'with space'
            mkdir folder.zst; seq 1 5 > folder.zst/inside
            seq 1 50 > old; touch -d '1969-12-31 23:59:58.123456789 UTC' old
            touch -d '2030-02-03 04:05:06.000000001' one
            seq 1 60 > readonly/file; chmod 555 readonly
            # In the future, so that relatime lets the checks read without moving them.
            find . -type f -exec touch -a -d '2035-05-05 05:05:05.555555555' {} +
            find . -depth -type d -exec touch -d '2020-02-02 02:02:02.222222222' {} +
            """);
    }

    public void Dispose() =>
        Shell.Run(
            $"chattr -R -i '{Path}' 2>/dev/null; chmod -R u+rwX '{Path}' 2>/dev/null; "
            + $"rm -rf --one-file-system -- '{Path}'",
            Limit);
}
