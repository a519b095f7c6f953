/* A disk that fails on command, loaded in front of the C library.
 *
 * Below the folder FAULT_FOLDER, while the file FAULT_FLAG exists: with "sync" in it every fsync and
 * fdatasync fails with EIO; with "write" every other write is cut in half and the rest fail with
 * ENOSPC, as on a disk that becomes full in the middle of one. Everything else passes. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static const char *flag;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
    real_write = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    real_pwrite = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    flag = getenv("FAULT_FLAG");
    folder = getenv("FAULT_FOLDER");
}

/* Whether what is in the flag names this kind of fault, and the file is below the folder. */
static int fails(int fd, const char *kind) {
    char link[64], path[PATH_MAX], text[16] = {0};
    if (!flag || !folder) return 0;
    int file = open(flag, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0 || strncmp(text, kind, strlen(kind)) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int cut(int fd, size_t *count) {
    static atomic_uint calls;
    if (!fails(fd, "write")) return 0;
    if (atomic_fetch_add(&calls, 1) % 2 == 0 && *count > 1) {
        *count /= 2;
        return 0;
    }
    errno = ENOSPC;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    return cut(fd, &count) ? -1 : real_write(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return cut(fd, &count) ? -1 : real_pwrite(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    return cut(fd, &count) ? -1 : real_pwrite(fd, bytes, count, at);
}

static int refuses(int fd) {
    if (!fails(fd, "sync")) return 0;
    errno = EIO;
    return 1;
}

int fsync(int fd) {
    return refuses(fd) ? -1 : real_fsync(fd);
}

int fdatasync(int fd) {
    return refuses(fd) ? -1 : real_fdatasync(fd);
}
