/*
 * driver.c - runs a fuzz target where there is no libFuzzer: over the files of a corpus, and then over
 * random mutations of them.
 *
 *   TARGET [-runs=N] [-max_total_time=SECONDS] [-seed=N] [-artifact_prefix=PATH] FILE|DIR...
 *
 * The options are those of libFuzzer. -runs counts the mutations; the seed is printed, and makes the
 * same mutations of the same corpus. An input on which the target dies is left in PATH"crash".
 */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "fuzz/fuzz.h"

/* An input that takes so long is taken for a hang. */
#define HANG_S        60
#define INPUT_MAX     (1u << 20)
#define MUTATIONS_MAX 8

/* The address sanitizer ends the process without a signal. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

struct corpus {
    struct buf *files;
    size_t count;
};

static struct {
    uint64_t runs;
    uint64_t seconds;
    uint64_t seed;
    char artifact[512];
} options = {.artifact = "crash"};

static struct bytes current; /* the input being looked at */

static void leave_input(void)
{
    int fd = open(options.artifact, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    static const char said[] = "the input is in the file \"";

    if (fd < 0 || write(fd, current.p, current.n) != (ssize_t)current.n)
        return;
    close(fd);
    if (write(STDERR_FILENO, said, sizeof(said) - 1) > 0 &&
        write(STDERR_FILENO, options.artifact, strlen(options.artifact)) > 0)
        (void)!write(STDERR_FILENO, "\"\n", 2);
}

static void on_signal(int number)
{
    leave_input();
    signal(number, SIG_DFL);
    raise(number);
}

static uint64_t next_random(void)
{
    static uint64_t state;

    if (state == 0)
        state = options.seed * 2 + 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

static size_t below(size_t n)
{
    return n == 0 ? 0 : (size_t)(next_random() % n);
}

/* In a block of exactly its size, so that the address sanitizer sees reads beyond it. */
static void look_at(struct bytes input)
{
    uint8_t *copy = malloc(input.n > 0 ? input.n : 1);

    fuzz_must(copy != NULL);
    if (input.n > 0)
        memcpy(copy, input.p, input.n);
    current = bytes_of(copy, input.n);
    alarm(HANG_S);
    (void)LLVMFuzzerTestOneInput(copy, input.n);
    current.n = 0;
    free(copy);
}

static void read_file(struct corpus *c, const char *path)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    fuzz_must(fd >= 0 && buf_reserve(&b, INPUT_MAX, &err) == 0);
    n = read(fd, b.p, INPUT_MAX);
    fuzz_must(n >= 0);
    b.n = (size_t)n;
    close(fd);
    c->files = reallocarray(c->files, c->count + 1, sizeof(*c->files));
    fuzz_must(c->files != NULL);
    c->files[c->count++] = b;
}

/* In the order of their names, on which the mutations depend. */
static void read_corpus(struct corpus *c, const char *path)
{
    struct dirent **names;
    struct stat st;
    char file[1024];
    int count;

    fuzz_must(stat(path, &st) == 0);
    if (!S_ISDIR(st.st_mode)) {
        read_file(c, path);
        return;
    }
    count = scandir(path, &names, NULL, alphasort);
    fuzz_must(count >= 0);
    for (int i = 0; i < count; i++) {
        (void)snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            read_corpus(c, file);
        free(names[i]);
    }
    free(names);
}

static uint64_t telling_number(void)
{
    static const uint64_t numbers[] = {0,          1,          0x3f,       0x40,       0x7f,
                                       0x80,       0xff,       0x100,      0x3fff,     0x4000,
                                       0x7fff,     0x8000,     0xffff,     0x10000,    0x7fffffff,
                                       0x80000000, 0xffffffff, INT64_MAX,  UINT64_MAX, 1ull << 32,
                                       1ull << 62, 1ull << 40, 1ull << 24, 1ull << 16, 1000000};

    return numbers[below(sizeof(numbers) / sizeof(numbers[0]))];
}

static void put_number(struct buf *b)
{
    size_t n = (size_t)1 << below(4), at = below(b->n + 1);
    uint64_t number = telling_number() + below(3) - 1;
    bool big_endian = below(2) != 0;

    for (size_t i = 0; i < n && at + i < b->n; i++)
        b->p[at + i] = (uint8_t)(number >> 8 * (big_endian ? n - 1 - i : i));
}

/* A piece of a file of the corpus, over what is there or between. */
static void put_piece(struct buf *b, const struct buf *from)
{
    size_t at = below(b->n + 1), start = below(from->n), n = below(from->n - start + 1) % 256;
    bool between = below(2) != 0;
    struct ft_err err = FT_ERR_INIT;

    fuzz_must(buf_reserve(b, n, &err) == 0);
    if (between) {
        memmove(b->p + at + n, b->p + at, b->n - at);
        b->n += n;
    }
    n = n < b->n - at ? n : b->n - at;
    if (n > 0)
        memmove(b->p + at, from->p + start, n);
}

static void cut_out(struct buf *b)
{
    size_t at = below(b->n), n = below(b->n - at + 1) % 64;

    memmove(b->p + at, b->p + at + n, b->n - at - n);
    b->n -= n;
}

static void mutate(struct buf *b, const struct corpus *c)
{
    switch (b->n == 0 ? 4 : below(6)) {
    case 0:
        b->p[below(b->n)] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        b->p[below(b->n)] = (uint8_t)next_random();
        break;
    case 2:
        put_number(b);
        break;
    case 3:
        cut_out(b);
        break;
    case 4:
        put_piece(b, &c->files[below(c->count)]);
        break;
    default:
        if (below(4) == 0)
            b->n = below(b->n);
        break;
    }
}

static uint64_t run_mutations(const struct corpus *c)
{
    struct ft_err err = FT_ERR_INIT;
    struct buf b = {0};
    time_t end = time(NULL) + (time_t)options.seconds;
    uint64_t done = 0;

    while (options.seconds > 0 ? time(NULL) < end && (options.runs == 0 || done < options.runs)
                               : done < options.runs) {
        const struct buf *from = &c->files[below(c->count)];

        buf_clear(&b);
        fuzz_must(buf_append(&b, from->p, from->n, &err) == 0);
        for (size_t i = 1 + below(MUTATIONS_MAX); i > 0; i--)
            mutate(&b, c);
        look_at(buf_bytes(&b));
        done++;
    }
    buf_release(&b);
    return done;
}

static bool take_option(const char *arg)
{
    if (strncmp(arg, "-runs=", 6) == 0)
        options.runs = strtoull(arg + 6, NULL, 10);
    else if (strncmp(arg, "-max_total_time=", 16) == 0)
        options.seconds = strtoull(arg + 16, NULL, 10);
    else if (strncmp(arg, "-seed=", 6) == 0)
        options.seed = strtoull(arg + 6, NULL, 10);
    else if (strncmp(arg, "-artifact_prefix=", 17) == 0)
        (void)snprintf(options.artifact, sizeof(options.artifact), "%scrash", arg + 17);
    else
        return arg[0] == '-';
    return true;
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    struct corpus c = {0};
    struct rusage usage;
    uint64_t done;

    options.seed = (uint64_t)time(NULL);
    for (int i = 1; i < argc; i++)
        if (!take_option(argv[i]))
            read_corpus(&c, argv[i]);
    fuzz_must(c.count > 0);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(leave_input);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i], on_signal);
    fprintf(stderr, "seed %llu\n", (unsigned long long)options.seed);
    for (size_t i = 0; i < c.count; i++)
        look_at(buf_bytes(&c.files[i]));
    done = run_mutations(&c);
    for (size_t i = 0; i < c.count; i++)
        buf_release(&c.files[i]);
    free(c.files);
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("%llu runs, %zu files, peak %ld KiB\n", (unsigned long long)done, c.count,
           usage.ru_maxrss);
    return 0;
}
