/*
 * fault_shim.c - a library for LD_PRELOAD under which the N-th call of a function fails.
 *
 * Environment   FAULT_CALL     which, by one of the names below; without it nothing fails
 *               FAULT_AT       the call that fails, counted from 1 over all threads
 *               FAULT_ERRNO    with which error: a number, or one of error_names
 *               FAULT_EVER     set: every later call fails, too
 *               FAULT_SHORT    set: instead of failing, half of the bytes are transferred
 *               FAULT_PROGRAM  only in the first program of this name: neither in who starts it, as
 *                              timeout(1), nor in what it starts, which does not get LD_PRELOAD
 *               FAULT_LOG      a file that gets a line for what was made to fail
 *               FAULT_COUNT    a file that gets a line "NAME CALLS" for each name as the program exits
 * Names         One for all forms of a function: "open" is open, openat, and those for large files.
 *               "malloc" is every allocation. Calls that the C library makes inside itself, as those of
 *               stdio, are not seen, but for its allocations; reads and writes of an eventfd or a timerfd
 *               cannot fail, and are not counted.
 */
/* Both forms of a function are defined here, so neither may be renamed into the other. */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum call {
    CALL_WRITE,
    CALL_WRITEV,
    CALL_PWRITE,
    CALL_READ,
    CALL_PREAD,
    CALL_FSYNC,
    CALL_FDATASYNC,
    CALL_RENAME,
    CALL_LINK,
    CALL_OPEN,
    CALL_FOPEN,
    CALL_UNLINK,
    CALL_MKDIR,
    CALL_FTRUNCATE,
    CALL_FALLOCATE,
    CALL_SEND,
    CALL_RECV,
    CALL_SOCKET,
    CALL_CONNECT,
    CALL_MALLOC,
    CALL_MMAP,
    CALL_THREAD,
    CALL_EVENTFD,
    CALL_TIMERFD,
    CALL_FORK,
    CALL_FLOCK,
    CALL_COUNT,
    CALL_NONE = CALL_COUNT,
};

static const char *const call_names[CALL_COUNT] = {
    "write",          "writev",  "pwrite",         "read",   "pread",   "fsync",  "fdatasync",
    "rename",         "link",    "open",           "fopen",  "unlink",  "mkdir",  "ftruncate",
    "fallocate",      "send",    "recv",           "socket", "connect", "malloc", "mmap",
    "pthread_create", "eventfd", "timerfd_create", "fork",   "flock",
};

static const struct {
    const char *name;
    int number;
} error_names[] = {
    {"ENOSPC", ENOSPC},         {"EIO", EIO},       {"ENOMEM", ENOMEM}, {"EINTR", EINTR},
    {"ECONNRESET", ECONNRESET}, {"EPIPE", EPIPE},   {"EMFILE", EMFILE}, {"EAGAIN", EAGAIN},
    {"EACCES", EACCES},         {"EDQUOT", EDQUOT}, {"EROFS", EROFS},   {"ETIMEDOUT", ETIMEDOUT},
    {"ENOLCK", ENOLCK},
};

/* Constant once begin() has run; before that nothing is counted. */
static struct {
    bool counting;
    enum call call;
    uint64_t at;
    int error;
    bool ever;
    bool brief;
    const char *log;
    const char *count;
} plan = {.call = CALL_NONE};

static atomic_ullong calls[CALL_COUNT];

/* Descriptors that are an eventfd or a timerfd. */
#define WAKERS_MAX 4096
static atomic_bool is_waker[WAKERS_MAX];

static int waker(int fd)
{
    if (fd >= 0 && fd < WAKERS_MAX)
        is_waker[fd] = true;
    return fd;
}

static bool counts(int fd)
{
    return fd < 0 || fd >= WAKERS_MAX || !is_waker[fd];
}

static int error_number(const char *text)
{
    for (size_t i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
        if (strcmp(text, error_names[i].name) == 0)
            return error_names[i].number;
    return (int)strtol(text, NULL, 10);
}

/* By system calls: what is reported here must neither be counted nor fail. */
static void append_line(const char *path, const char *format, ...)
{
    char line[128];
    va_list args;
    int fd, n;

    va_start(args, format);
    n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    syscall(SYS_write, fd, line, (size_t)n);
    syscall(SYS_close, fd);
}

__attribute__((constructor)) static void begin(void)
{
    const char *call = getenv("FAULT_CALL"), *program = getenv("FAULT_PROGRAM");
    const char *at = getenv("FAULT_AT"), *error = getenv("FAULT_ERRNO");

    if (program != NULL && strcmp(program, program_invocation_short_name) != 0)
        return;
    unsetenv("LD_PRELOAD");
    plan.at = at != NULL ? strtoull(at, NULL, 10) : 1;
    plan.error = error != NULL ? error_number(error) : EIO;
    plan.ever = getenv("FAULT_EVER") != NULL;
    plan.brief = getenv("FAULT_SHORT") != NULL;
    plan.log = getenv("FAULT_LOG");
    plan.count = getenv("FAULT_COUNT");
    for (int i = 0; call != NULL && i < CALL_COUNT; i++)
        if (strcmp(call, call_names[i]) == 0)
            plan.call = (enum call)i;
    plan.counting = true;
}

__attribute__((destructor)) static void end(void)
{
    if (!plan.counting || plan.count == NULL)
        return;
    plan.counting = false;
    for (int i = 0; i < CALL_COUNT; i++)
        append_line(plan.count, "%s %llu\n", call_names[i], (unsigned long long)calls[i]);
}

/* Whether this call is the one; errno is then set. */
static bool fails(enum call call)
{
    uint64_t n;

    if (!plan.counting)
        return false;
    n = atomic_fetch_add_explicit(&calls[call], 1, memory_order_relaxed) + 1;
    if (call != plan.call || n < plan.at || (n > plan.at && !plan.ever))
        return false;
    if (n == plan.at && plan.log != NULL)
        append_line(plan.log, "%s %llu\n", call_names[call], (unsigned long long)n);
    errno = plan.error;
    return true;
}

/* How much of n bytes this call is to transfer; 0: it fails. */
static size_t allowed(enum call call, int fd, size_t n)
{
    if (!counts(fd) || !fails(call))
        return n > 0 ? n : SIZE_MAX;
    return plan.brief ? (n + 1) / 2 : 0;
}

static void *next_of(const char *name)
{
    void *next = dlsym(RTLD_NEXT, name);

    if (next == NULL)
        abort();
    return next;
}

/* A function that is passed on unless this call of it is to fail. */
#define PASSED_ON(type, name, call, failure, parameters, arguments) \
    type name parameters                                            \
    {                                                               \
        static type(*next) parameters;                              \
        if (next == NULL)                                           \
            next = (type(*) parameters)next_of(#name);              \
        return fails(call) ? (failure) : next arguments;            \
    }

/* The same for one that transfers n bytes. */
#define TRANSFER(name, call, parameters, arguments)       \
    ssize_t name parameters                               \
    {                                                     \
        static ssize_t(*next) parameters;                 \
        size_t most = allowed(call, fd, n);               \
        if (next == NULL)                                 \
            next = (ssize_t(*) parameters)next_of(#name); \
        if (most == 0)                                    \
            return -1;                                    \
        n = n < most ? n : most;                          \
        return next arguments;                            \
    }

TRANSFER(write, CALL_WRITE, (int fd, const void *p, size_t n), (fd, p, n))
TRANSFER(pwrite, CALL_PWRITE, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
TRANSFER(pwrite64, CALL_PWRITE, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
TRANSFER(read, CALL_READ, (int fd, void *p, size_t n), (fd, p, n))
TRANSFER(pread, CALL_PREAD, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
TRANSFER(pread64, CALL_PREAD, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at))
TRANSFER(send, CALL_SEND, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
TRANSFER(recv, CALL_RECV, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))

/* A short one writes the first of its parts. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    static ssize_t (*next)(int, const struct iovec *, int);

    if (next == NULL)
        next = (ssize_t(*)(int, const struct iovec *, int))next_of("writev");
    if (!fails(CALL_WRITEV))
        return next(fd, parts, count);
    return plan.brief ? next(fd, parts, 1) : -1;
}

PASSED_ON(ssize_t, sendmsg, CALL_SEND, -1, (int fd, const struct msghdr *m, int flags),
          (fd, m, flags))
PASSED_ON(ssize_t, recvmsg, CALL_RECV, -1, (int fd, struct msghdr *m, int flags), (fd, m, flags))
PASSED_ON(int, fsync, CALL_FSYNC, -1, (int fd), (fd))
PASSED_ON(int, fdatasync, CALL_FDATASYNC, -1, (int fd), (fd))
PASSED_ON(int, rename, CALL_RENAME, -1, (const char *from, const char *to), (from, to))
PASSED_ON(int, renameat, CALL_RENAME, -1, (int d, const char *from, int e, const char *to),
          (d, from, e, to))
PASSED_ON(int, renameat2, CALL_RENAME, -1,
          (int d, const char *from, int e, const char *to, unsigned flags), (d, from, e, to, flags))
PASSED_ON(int, link, CALL_LINK, -1, (const char *from, const char *to), (from, to))
PASSED_ON(int, linkat, CALL_LINK, -1, (int d, const char *from, int e, const char *to, int flags),
          (d, from, e, to, flags))
PASSED_ON(int, unlink, CALL_UNLINK, -1, (const char *path), (path))
PASSED_ON(int, unlinkat, CALL_UNLINK, -1, (int d, const char *path, int flags), (d, path, flags))
PASSED_ON(int, mkdir, CALL_MKDIR, -1, (const char *path, mode_t mode), (path, mode))
PASSED_ON(int, mkdirat, CALL_MKDIR, -1, (int d, const char *path, mode_t mode), (d, path, mode))
PASSED_ON(int, ftruncate, CALL_FTRUNCATE, -1, (int fd, off_t n), (fd, n))
PASSED_ON(int, ftruncate64, CALL_FTRUNCATE, -1, (int fd, off64_t n), (fd, n))
PASSED_ON(int, posix_fallocate, CALL_FALLOCATE, plan.error, (int fd, off_t at, off_t n),
          (fd, at, n))
PASSED_ON(int, posix_fallocate64, CALL_FALLOCATE, plan.error, (int fd, off64_t at, off64_t n),
          (fd, at, n))
PASSED_ON(int, socket, CALL_SOCKET, -1, (int family, int type, int protocol),
          (family, type, protocol))
PASSED_ON(int, connect, CALL_CONNECT, -1, (int fd, const struct sockaddr *a, socklen_t n),
          (fd, a, n))
PASSED_ON(FILE *, fopen, CALL_FOPEN, NULL, (const char *path, const char *mode), (path, mode))
PASSED_ON(FILE *, fopen64, CALL_FOPEN, NULL, (const char *path, const char *mode), (path, mode))
PASSED_ON(FILE *, fdopen, CALL_FOPEN, NULL, (int fd, const char *mode), (fd, mode))
PASSED_ON(void *, mmap, CALL_MMAP, MAP_FAILED,
          (void *p, size_t n, int how, int flags, int fd, off_t at), (p, n, how, flags, fd, at))
PASSED_ON(void *, mmap64, CALL_MMAP, MAP_FAILED,
          (void *p, size_t n, int how, int flags, int fd, off64_t at), (p, n, how, flags, fd, at))
PASSED_ON(int, pthread_create, CALL_THREAD, plan.error,
          (pthread_t * ret, const pthread_attr_t *a, void *(*run)(void *), void *arg),
          (ret, a, run, arg))
PASSED_ON(pid_t, fork, CALL_FORK, -1, (void), ())
PASSED_ON(int, flock, CALL_FLOCK, -1, (int fd, int how), (fd, how))

int eventfd(unsigned n, int flags)
{
    return fails(CALL_EVENTFD) ? -1 : waker((int)syscall(SYS_eventfd2, n, flags));
}

int timerfd_create(int clock, int flags)
{
    return fails(CALL_TIMERFD) ? -1 : waker((int)syscall(SYS_timerfd_create, clock, flags));
}

int close(int fd)
{
    if (fd >= 0 && fd < WAKERS_MAX)
        is_waker[fd] = false;
    return (int)syscall(SYS_close, fd);
}

/* The mode of a file is passed only where one is to be made. */
#define OPENS(name, first, first_arguments)                                     \
    int name(first const char *path, int flags, ...)                            \
    {                                                                           \
        static int (*next)(first const char *, int, ...);                       \
        mode_t mode = 0;                                                        \
        va_list args;                                                           \
        if (next == NULL)                                                       \
            next = (int (*)(first const char *, int, ...))next_of(#name);       \
        va_start(args, flags);                                                  \
        if ((flags & (O_CREAT | O_TMPFILE)) != 0)                               \
            mode = va_arg(args, mode_t);                                        \
        va_end(args);                                                           \
        return fails(CALL_OPEN) ? -1 : next(first_arguments path, flags, mode); \
    }

#define NOTHING
#define DIRECTORY_PARAMETER int directory,
#define DIRECTORY_ARGUMENT  directory,
OPENS(open, NOTHING, NOTHING)
OPENS(open64, NOTHING, NOTHING)
OPENS(openat, DIRECTORY_PARAMETER, DIRECTORY_ARGUMENT)
OPENS(openat64, DIRECTORY_PARAMETER, DIRECTORY_ARGUMENT)

/* dlsym allocates, so the allocations know where to go without it. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

void *malloc(size_t n)
{
    return fails(CALL_MALLOC) ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
    return fails(CALL_MALLOC) ? NULL : __libc_calloc(count, n);
}

void *realloc(void *p, size_t n)
{
    return fails(CALL_MALLOC) ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t count, size_t n)
{
    size_t total;

    if (__builtin_mul_overflow(count, n, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, total);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return fails(CALL_MALLOC) ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **ret, size_t alignment, size_t n)
{
    void *p = aligned_alloc(alignment, n);

    if (p == NULL)
        return ENOMEM;
    *ret = p;
    return 0;
}
