// For which files fsync and fdatasync answer 0 without doing anything: those whose path holds a chosen text.
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char lied_about[256];

void lie_about(const char *part_of_path) { snprintf(lied_about, sizeof lied_about, "%s", part_of_path); }

int lies(int file)
{
    char link[64], path[4096];
    if (lied_about[0] == 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, lied_about) != NULL;
}
