# Sourced by the commands beside it. Words go to stderr, each line with the command's name in front.
# Needs: $self (the command's name), $root (the repository's folder). Answers in variables, not in output.

umask 022   # what root builds, others run

say() { printf '%s: %s\n' "$self" "$*" >&2; }

fail() { # code message…
    local code=$1
    shift
    say "$@"
    exit "$code"
}

# Ends with the comment at the top of the command, where --help is among these words.
answer_help() {
    [[ " $* " != *" --help "* ]] && return
    sed -n '2,${/^#/!q; s/^# \{0,1\}//p}' "$root/scripts/$self"
    exit 0
}

has_library() {
    local folder
    for folder in /lib /usr/lib /lib64 /usr/lib64 /usr/local/lib /lib/*-linux-* /usr/lib/*-linux-*; do
        compgen -G "$folder/$1" > /dev/null && return 0
    done
    return 1
}

is_there() { # what the third column of scripts/packages names
    case $1 in
        lib:*) has_library "${1#lib:}" ;;
        file:*) [ -e "${1#file:}" ] ;;
        *) command -v -- "$1" > /dev/null || [ -x "/sbin/$1" ] || [ -x "/usr/sbin/$1" ] ;;
    esac
}

# Installs what is missing of the packages for the given uses ("run", "native", "test", "bench").
install_missing() {
    local package use proof missing=() shown=()
    while read -r package use proof; do
        [[ $package == '#'* || -z $package || " $* " != *" $use "* ]] && continue
        is_there "$proof" && continue
        missing+=("$package")
        [[ $package == *[^a-z0-9.+-]* ]] && package="'$package'"
        shown+=("$package")
    done < "$root/scripts/packages"
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
        fail 5 "needs what these Debian packages hold; install them (as root: apt-get install ${shown[*]})"
    fi
    say "installing ${shown[*]}"
    local log
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 < /dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        fail 5 "could not install ${shown[*]}: the lines above say why"
    fi
    rm -f "$log"
}

# Sets $dotnet, and DOTNET_ROOT where the program that we build would not find the runtime by itself.
find_dotnet() {
    local candidate
    dotnet=
    for candidate in "$(command -v dotnet)" "${DOTNET_ROOT:-/nowhere}/dotnet" "${HOME:-/nowhere}/.dotnet/dotnet" /usr/share/dotnet/dotnet /usr/lib/dotnet/dotnet; do
        if [ -x "$candidate" ]; then
            dotnet=$candidate
            break
        fi
    done
    [ -n "$dotnet" ] || fail 5 "needs the .NET 10 SDK: install it (https://dot.net) so that 'dotnet' is in PATH"
    if [ -z "${DOTNET_ROOT:-}" ]; then
        local folder
        folder=$(dirname -- "$(readlink -f -- "$dotnet")")
        case $folder in
            /usr/share/dotnet | /usr/lib/dotnet) ;;
            *) export DOTNET_ROOT=$folder ;;
        esac
    fi
}

# Makes `dotnet build` quiet and independent of the user's surroundings (a service's user may have no home).
prepare_dotnet() {
    export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
    if [ ! -w "${HOME:-/nowhere}" ]; then
        mkdir -p "$root/artifacts/home"
        export HOME=$root/artifacts/home
    fi
}

# Runs dotnet with these arguments, its output in the log, so that zstdfs becomes the native program where that can be made; else the form that needs the
# .NET runtime. Sets $form, says on the screen what it fell back to and why. Status: dotnet's.
make_with_dotnet() { # log, arguments…
    local log=$1 why=
    : > "$log"
    shift
    form=native
    if ! is_there gcc || ! is_there lib:crt1.o; then
        if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
            why="there is no linker (as root: apt-get install gcc libc6-dev)"
        elif ! (install_missing native); then
            why="there is no linker, and none could be installed"
        fi
    fi
    if [ -z "$why" ]; then
        "$dotnet" "$@" -p:ProgramForm=native > "$log" 2>&1 < /dev/null && return
        grep -q 'error NU1' "$log" || return
        why="the packages of its compiler cannot be had"
    fi
    if [ "${CI:-}" = true ]; then
        say "the native program is required here, and $why"
        return 1
    fi
    say "making the program that needs the .NET runtime and starts more slowly: for the native one $why"
    form=readytorun
    "$dotnet" "$@" -p:ProgramForm=readytorun > "$log" 2>&1 < /dev/null
}

allow_mounts_by_users() {
    if [ "$(id -u)" -eq 0 ] && [ -c /dev/fuse ] && [ "$(stat -c %a /dev/fuse)" = 600 ]; then
        say "making /dev/fuse usable for ordinary users (chmod 666), as Debian's udev rule does"
        chmod 666 /dev/fuse
    fi
}
