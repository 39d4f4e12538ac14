namespace ZstdFs.Mount.Tests.Harness;

/// <summary>
/// Two trees compared by native tools alone: names, types, modes, owners, sizes, nanosecond times, link targets,
/// content.
/// </summary>
internal static class TreeComparison
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    // A folder's size is the file system's own business.
    private const string Format = @"%P\t%y %m %U:%G %s %T@ %l\0";
    private const string FolderFormat = @"%P\t%y %m %U:%G %T@\0";

    /// <summary>Fails with the first differences.</summary>
    internal static void AssertEqual(string expected, string actual, ShellUser user = ShellUser.Same)
    {
        string difference = Shell.Run(
            $$"""
            list() { (cd "$1" &&
                find . -mindepth 1 \( -type d -printf '{{FolderFormat}}' -o -printf '{{Format}}' \) | LC_ALL=C sort -z |
                    tr '\0' '\n')
            }
            diff -a <(list '{{expected}}') <(list '{{actual}}') | head -n 20
            diff -rq --no-dereference '{{expected}}' '{{actual}}' 2>&1 |
                grep -v ' is a fifo while \| is a socket while ' | head -n 20
            """, Limit, user).Output;
        Assert.That(difference, Is.Empty, $"{expected} and {actual} differ");
    }

    /// <summary>
    /// Every regular file of <paramref name="plain"/> is in <paramref name="source"/> as a .zst that stock zstd
    /// accepts, with the same content.
    /// </summary>
    internal static void AssertStored(string plain, string source)
    {
        string wrong = Shell.Run(
            $$"""
            # As HOW_IT_WORKS.md has it, with stock tools: folders, then the file.
            spelled() {
                local folder=$(printf %s "${1%/*}" |
                    sed -Ez 's#([^/]\.zs%+)(/|$)#\1%\2#g; s#([^/])\.zst(/|$)#\1.zs%\2#g') name=${1##*/} LC_ALL=C
                [ ${#name} -le 251 ] ||
                    name=$(printf %s "${name:0:218}" | iconv -c -f utf-8 -t utf-8)%$(printf %s "$name" | sha256sum |
                        cut -c 1-32)
                printf %s "$folder/$name.zst"
            }
            cd '{{plain}}' && find . -type f -print0 | while IFS= read -r -d '' f; do
                stored='{{source}}'/"$f".zst
                [ -e "$stored" ] || stored='{{source}}'/$(spelled "$f")
                zstd -qt --long=27 "$stored" 2>&1 && zstd -qdc --long=27 "$stored" | cmp -s - "$f" || printf '%q\n' "$f"
            done | head -n 20
            """, Limit).Output;
        Assert.That(wrong, Is.Empty, "stored files that are missing, damaged or different");
    }
}
