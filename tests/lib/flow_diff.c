/*
 * flow-diff WANTED GOT STABLE_START - are two flows the same?
 *
 * The bytes before STABLE_START must be equal, and behind it the journal records. LSN marks are left
 * out: which of them a flow holds that was resumed depends on where it had been cut.
 *
 * Exit status 0 equal, 1 different, 2 something else went wrong.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fsutil.h"
#include "journal/journal_reader.h"

struct side {
    const char *name;
    struct buf bytes;
    struct journal_reader *reader;
    struct window in;
    uint64_t records;
};

static void fail(const char *name, const struct ft_err *err)
{
    fprintf(stderr, "%s: %s\n", name, err->msg);
    exit(2);
}

static void side_open(struct side *s, const char *name, uint64_t stable_start)
{
    struct ft_err err = FT_ERR_INIT;

    s->name = name;
    if (fs_read_file(AT_FDCWD, name, (size_t)4 << 30, &s->bytes, &err) < 0)
        fail(name, &err);
    if (s->bytes.n < stable_start) {
        printf("%s: %zu bytes, the journal should begin at %llu\n", name, s->bytes.n,
               (unsigned long long)stable_start);
        exit(1);
    }
    window_init(&s->in, stable_start, 0);
    if (journal_reader_new(&s->reader, true, 0, &err) < 0 ||
        window_push(&s->in, bytes_of(s->bytes.p + stable_start, s->bytes.n - stable_start), &err) <
            0)
        fail(name, &err);
    s->in.closed = true;
}

/* The bytes of the next counted record; none at the end. */
static struct bytes side_next(struct side *s)
{
    struct ft_err err = FT_ERR_INIT;
    struct journal_record record;
    enum step step;

    while ((step = journal_reader_next(s->reader, &s->in, &record, &err)) == STEP_ITEM) {
        if (!record.counted)
            continue;
        s->records++;
        return bytes_of(s->bytes.p + record.offset,
                        (size_t)(window_offset(&s->in) - record.offset));
    }
    if (step == STEP_ERROR)
        fail(s->name, &err);
    return bytes_of(NULL, 0);
}

int main(int argc, char **argv)
{
    struct side want = {0}, got = {0};
    uint64_t stable_start;
    struct bytes a, b;

    if (argc != 4) {
        fprintf(stderr, "usage: flow-diff WANTED GOT STABLE_START\n");
        return 2;
    }
    stable_start = strtoull(argv[3], NULL, 10);
    side_open(&want, argv[1], stable_start);
    side_open(&got, argv[2], stable_start);
    if (memcmp(want.bytes.p, got.bytes.p, (size_t)stable_start) != 0) {
        printf("the bytes before the journal differ\n");
        return 1;
    }
    do {
        a = side_next(&want);
        b = side_next(&got);
    } while (a.n > 0 && bytes_eq(a, b));
    if (a.n > 0 || b.n > 0) {
        printf("record %llu of %s and record %llu of %s differ\n", (unsigned long long)want.records,
               want.name, (unsigned long long)got.records, got.name);
        return 1;
    }
    journal_reader_free(want.reader);
    journal_reader_free(got.reader);
    window_release(&want.in);
    window_release(&got.in);
    buf_release(&want.bytes);
    buf_release(&got.bytes);
    return 0;
}
