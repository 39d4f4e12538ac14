# Sourced, after setup.bash, by the commands that run the program. build_program sets $program, and builds it when the sources changed;
# for the instruction set $set where that is not empty, else for this machine's processor.

# Every state of the sources has a build folder of its own, named after it. So a running mount keeps the files it started from,
# whatever is built later, and a build that is there needs no right to write here. The linker and the processor are part of the
# state: once there is a linker the program becomes the native one, and it is built for one kind of processor.
what_a_build_depends_on() {
    find src Directory.* global.json -type f -printf '%p %s %T@\n' | LC_ALL=C sort
    command -v gcc || true
    grep -m1 -ow avx2 /proc/cpuinfo || true
    echo "${set:=}"
}

state=$(cd "$root" && what_a_build_depends_on | sha256sum)
builds=$root/artifacts/run
build=$builds/${state:0:16}

# Keeps this build, the two newest others, and those that a mount still runs from.
remove_old_builds() {
    local folder kept=0 used
    used=$(readlink /proc/[0-9]*/exe 2> /dev/null || true)
    for folder in $(ls -dt "$builds"/*/ 2> /dev/null); do
        folder=${folder%/}
        [[ $folder == "$build" || $used == *"$folder/"* ]] && continue
        kept=$((kept + 1))
        [ $kept -le 2 ] || rm -rf -- "$folder"
    done
}

build() {
    mkdir -p "$builds" 2> /dev/null && [ -w "$builds" ] ||
        fail 1 "the sources changed and this user may not write $root/artifacts: run the command once as the user who owns it"
    exec 9> "$builds/.lock"
    flock -n 9 || { say "waiting for another build of the same checkout"; flock 9; }
    [ -x "$build/zstdfs" ] && { exec 9>&-; return; }
    find_dotnet
    prepare_dotnet
    say "building (once; a few minutes)"
    local new=$builds/.new log=$builds/.log begin=$SECONDS
    rm -rf -- "$new"
    if ! make_with_dotnet "$log" publish "$root/src/ZstdFs.Cli" -c Release -o "$new" --nologo -v quiet ${set:+-p:IlcInstructionSet="$set"} 9>&-; then
        cat "$log" >&2
        fail 1 "the build failed: the lines above say why"
    fi
    say "built in $((SECONDS - begin)) s: $form, $(du -sh --apparent-size "$new" | cut -f1)"
    mv -- "$new" "$build"
    remove_old_builds
    exec 9>&-   # a daemon must not hold the lock
}

build_program() {
    [ -x "$build/zstdfs" ] || build
    program=$build/zstdfs
}

# The ReadyToRun form needs the runtime, and to be told what the native one has built in (ZstdFs.Cli.csproj says why).
# It gets one heap for malloc until the daemon chooses.
prepare_program() {
    [ -e "${program%/*}/zstdfs.dll" ] || return 0
    find_dotnet
    export DOTNET_GCgen0size=${DOTNET_GCgen0size:-200000} DOTNET_GCRegionSize=${DOTNET_GCRegionSize:-100000}
    export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-1}
}
