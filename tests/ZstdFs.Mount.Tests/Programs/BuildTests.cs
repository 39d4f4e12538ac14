using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>Compilers, make and the programs that they make.</summary>
internal sealed class BuildTests(Ground ground) : ProgramTests(ground)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Test]
    public void ParallelMake_BuildsAProgramThatRuns()
    {
        MakeProject();
        Assert.That(Bash("make -s -j2 && ./sum", Limit), Is.EqualTo("190"));
        Assert.That(Bash("make -q && echo nothing to do"), Is.EqualTo("nothing to do"));
        AssertKept();
        Assert.That(Bash("./sum && make -q && echo nothing to do"), Is.EqualTo("190\nnothing to do"));
    }

    [Test]
    public void ChangedSource_IsBuiltAgain()
    {
        MakeProject();
        Bash("make -s -j2", Limit);
        Bash("sed -i 's/return 7;/return 107;/' part7.c && make -s -j2", Limit);
        Assert.That(Bash("./sum"), Is.EqualTo("290"));
        Assert.That(Bash("make -s clean && ls"), Does.Not.Contain(".o").And.Contain("part7.c"));
    }

    // 20 parts, a static library of them and a program.
    private void MakeProject() => Bash(
        """
        for i in $(seq 0 19); do
            printf '#include "parts.h"\nint part%d(void) { return %d; }\n' "$i" "$i" > "part$i.c"
            echo "int part$i(void);" >> parts.h
        done
        { printf '#include <stdio.h>\n#include "parts.h"\nint main(void) { int sum = 0;\n'
          for i in $(seq 0 19); do echo "sum += part$i();"; done
          printf 'printf("%%d\\n", sum); return 0; }\n'; } > main.c
        cat > Makefile <<'END'
        PARTS := $(patsubst %.c,%.o,$(sort $(wildcard part*.c)))
        sum: main.o libparts.a
        	gcc -o $@ main.o -L. -lparts
        libparts.a: $(PARTS)
        	rm -f $@ && ar rcs $@ $(PARTS)
        %.o: %.c parts.h
        	gcc -O1 -pipe -c -o $@ $<
        clean:
        	rm -f *.o *.a sum
        END
        """);
}
