// The calls of the program that is tested, counted. The chosen one fails with a chosen error, or is lied about: it is not made, and says that it was. Everything else comes from libc below it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

// Kinds of errors, as bits; FailingCalls.cs has the same.
enum { IO = 1, SPACE = 2, FILES = 4, MEMORY = 8, INTERRUPT = 16, STALE = 32, UNKNOWN = 64 };
enum { READING = IO | MEMORY | STALE, CHANGING = IO | MEMORY | STALE | SPACE };

enum { ONCE = 0, FROM_THEN_ON = 1, LIE = 2 };

enum { GETDENTS = 217, OPENAT2 = 437, FCHMODAT2 = 452, GETXATTRAT = 464 };

static void *libc;
static atomic_int is_armed, is_dead;
static atomic_long count;
static long target;
static int failing_kind, failing_error, way;
static char chosen_call[32];
static int is_of_one_thread;
static pthread_t chosen_thread;
static _Thread_local int is_spared;
static void (*struck)(const char *call);

__attribute__((constructor)) static void find_libc(void) { libc = dlopen("libc.so.6", RTLD_NOW); }

// From now on: the n-th call that may fail in this way does.
void arm_failure(long number, int kind, int error, int how, void (*tell)(const char *))
{
    count = 0;
    target = number;
    failing_kind = kind;
    failing_error = error;
    way = how;
    struck = tell;
    is_armed = 1;
}

// Which calls count: those of this name, or all where it is empty; of the calling thread alone, or of all. Other threads call meanwhile, so this comes before arm_failure.
void choose_calls(const char *name, int only_here)
{
    is_armed = 0;
    snprintf(chosen_call, sizeof chosen_call, "%s", name);
    is_of_one_thread = only_here;
    chosen_thread = pthread_self();
}

// The calling thread is not the program's: what it calls neither counts nor fails.
void spare_thread(void) { is_spared = 1; }

// Returns how many calls could have failed.
long disarm_failure(void)
{
    is_armed = 0;
    return count;
}

// A killed process calls nothing any more: all fails and nothing happens, but descriptors are closed.
void set_dead(int dead) { is_dead = dead; }

static int counts(const char *call)
{
    return !is_spared && (!chosen_call[0] || !strcmp(chosen_call, call))
        && (!is_of_one_thread || pthread_equal(chosen_thread, pthread_self()));
}

static int strikes(const char *call, int may)
{
    if (is_dead && may)
    {
        errno = EIO;
        return 1;
    }
    if (!is_armed || !(may & failing_kind) || !counts(call))
        return 0;
    long number = atomic_fetch_add(&count, 1) + 1;
    if (number != target && !(way == FROM_THEN_ON && number > target))
        return 0;
    if (number == target && struck)
        struck(call);
    errno = failing_error;
    return 1;
}

#define FIND(name) \
    static void *found; \
    if (!found) \
        found = dlsym(libc, name);

#define PARAMETERS long a, long b, long c, long d, long e, long f
#define ARGUMENTS a, b, c, d, e, f
typedef long any_call(PARAMETERS);

// Integers and pointers all travel in registers, so that one form serves all calls. `done` is what the lie answers.
#define CALL(type, name, may, done) \
    type my_##name(PARAMETERS) __asm__(#name); \
    type my_##name(PARAMETERS) \
    { \
        FIND(#name) \
        if (strikes(#name, may)) \
            return way == LIE && !is_dead ? (type)(done) : -1; \
        return (type)((any_call *)found)(ARGUMENTS); \
    }

// fsync and fdatasync: lying-libc.c may have them do nothing for chosen files.
int lies(int file);

#define SYNCHRONIZING(name) \
    int my_##name(int file) __asm__(#name); \
    int my_##name(int file) \
    { \
        FIND(#name) \
        if (lies(file)) \
            return 0; \
        if (strikes(#name, IO | SPACE | STALE)) \
            return way == LIE && !is_dead ? 0 : -1; \
        return ((int (*)(int))found)(file); \
    }

enum { CREATES = 0x40 | 0x400000 };
#define OPENING(flags) (READING | FILES | INTERRUPT | ((flags) & CREATES ? SPACE : 0))

CALL(int, open, OPENING(b), -1)
CALL(int, openat, OPENING(c), -1)
CALL(int, memfd_create, MEMORY | FILES, -1)
CALL(int, mkdirat, CHANGING, 0)
CALL(int, mknodat, CHANGING, 0)
CALL(int, unlinkat, CHANGING, 0)
CALL(int, renameat2, CHANGING, 0)
CALL(int, linkat, CHANGING, 0)
CALL(int, symlinkat, CHANGING, 0)
CALL(long, readlinkat, READING, 0)
CALL(int, statx, READING, 0)
CALL(int, fchownat, CHANGING, 0)
CALL(int, chmod, CHANGING, 0)
CALL(int, fchmod, CHANGING, 0)
CALL(int, utimensat, CHANGING, 0)
CALL(int, futimens, CHANGING, 0)
CALL(long, pread, READING | INTERRUPT, c)
CALL(int, sync_file_range, IO | SPACE | STALE, 0)
CALL(long, pwrite, CHANGING | INTERRUPT, c)
CALL(long, pwritev2, CHANGING | INTERRUPT, ((struct iovec *)b)->iov_len)
CALL(int, ftruncate, CHANGING | INTERRUPT, 0)
SYNCHRONIZING(fsync)
SYNCHRONIZING(fdatasync)
CALL(int, syncfs, IO | SPACE, 0)
CALL(int, fallocate, CHANGING | INTERRUPT, 0)
CALL(long, lseek, IO | STALE, 0)
CALL(long, copy_file_range, CHANGING | INTERRUPT, e)
CALL(int, fstatfs, READING, 0)
CALL(int, flock, MEMORY, 0)
CALL(long, getxattr, READING, 0)
CALL(int, setxattr, CHANGING, 0)
CALL(long, listxattr, READING, 0)
CALL(int, removexattr, CHANGING, 0)
CALL(long, lgetxattr, READING, 0)
CALL(long, fgetxattr, READING, 0)
CALL(int, lsetxattr, CHANGING, 0)
CALL(int, fsetxattr, CHANGING, 0)
CALL(long, llistxattr, READING, 0)
CALL(long, flistxattr, READING, 0)
CALL(int, lremovexattr, CHANGING, 0)
CALL(int, fremovexattr, CHANGING, 0)
CALL(int, ioctl, READING, 0)
CALL(int, fcntl, MEMORY | UNKNOWN, 0)
CALL(long, mmap, MEMORY | FILES, -1)

// The descriptor is closed whatever close says, but for the lie.
int my_close(int file) __asm__("close");
int my_close(int file)
{
    FIND("close")
    int fails = !is_dead && strikes("close", IO | SPACE | INTERRUPT);
    if (fails && way == LIE)
        return 0;
    int error = errno, result = ((int (*)(int))found)(file);
    if (!fails)
        return result;
    errno = error;
    return -1;
}

static int may_of(long number, const unsigned long *how)
{
    switch (number)
    {
        case OPENAT2: return OPENING(*how);
        case FCHMODAT2: return CHANGING;
        case GETDENTS: case GETXATTRAT: return READING;
        default: return 0;
    }
}

static const char *name_of(long number)
{
    switch (number)
    {
        case OPENAT2: return "openat2";
        case FCHMODAT2: return "fchmodat2";
        case GETDENTS: return "getdents64";
        case GETXATTRAT: return "getxattrat";
        default: return "syscall";
    }
}

long my_syscall(long number, PARAMETERS) __asm__("syscall");
long my_syscall(long number, PARAMETERS)
{
    FIND("syscall")
    int may = may_of(number, (const unsigned long *)c);
    if (may && strikes(name_of(number), may))
        return way == LIE && !is_dead && number == FCHMODAT2 ? 0 : -1;
    return ((long (*)(long, PARAMETERS))found)(number, ARGUMENTS);
}
