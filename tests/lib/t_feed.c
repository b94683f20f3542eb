#include "lib/t_feed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/test_main.h"

/* More steps than this without an end are a hang. */
#define STEPS_MAX 50000000u
/* What all prefixes, or all changed bytes, of one input may cost in bytes fed. */
#define WORK_BYTES  (8u << 20)
#define RANDOM_RUNS 6
#define SEED        0x5eed5eedu

/* How an input is cut into pieces. */
struct cuts {
    size_t piece;  /* 0: random */
    uint32_t seed; /* moves on */
    size_t random_max;
};

struct outcome {
    enum step step;
    struct ft_err err;
    struct buf text;
    uint64_t consumed;
    uint64_t *ends; /* of items */
    size_t end_count;
    size_t end_cap;
};

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static size_t next_piece(struct cuts *c, size_t left)
{
    size_t n = c->piece != 0 ? c->piece : 1 + next_random(&c->seed) % c->random_max;

    return n < left ? n : left;
}

static void outcome_release(struct outcome *o)
{
    buf_release(&o->text);
    free(o->ends);
}

static void note_end(struct outcome *o, uint64_t offset)
{
    if (o->end_count == o->end_cap) {
        o->end_cap = o->end_cap * 2 + 64;
        o->ends = realloc(o->ends, o->end_cap * sizeof(*o->ends));
        assert_non_null(o->ends);
    }
    o->ends[o->end_count++] = offset;
}

/* Push the next piece in a block of its own; the last one is freed. */
static size_t push_piece(struct window *w, struct bytes input, size_t at, struct cuts *cuts,
                         uint8_t **block)
{
    size_t n = next_piece(cuts, input.n - at);
    uint8_t *copy = malloc(n);
    struct ft_err err = FT_ERR_INIT;

    assert_non_null(copy);
    memcpy(copy, input.p + at, n);
    t_ok(window_push(w, bytes_of(copy, n), &err), &err);
    free(*block);
    *block = copy;
    return n;
}

static void run(const struct feed_adapter *a, struct bytes input, struct cuts cuts, bool closed,
                struct outcome *ret)
{
    void *decoder = a->open(a->arg);
    struct window w;
    uint8_t *block = NULL;
    size_t at = 0;

    memset(ret, 0, sizeof(*ret));
    ret->err.offset = FT_NO_OFFSET;
    window_init(&w, 0, 0);
    for (unsigned steps = 0;; steps++) {
        if (steps == STEPS_MAX)
            fail_msg("%s: no end after %u steps", a->name, STEPS_MAX);
        ret->step = a->next(decoder, &w, &ret->text, &ret->err);
        if (ret->step == STEP_ITEM) {
            note_end(ret, window_offset(&w));
            continue;
        }
        if (ret->step != STEP_MORE)
            break;
        assert_false(w.closed); /* a closed input ends, or is an error */
        if (at < input.n)
            at += push_piece(&w, input, at, &cuts, &block);
        else if (closed)
            w.closed = true;
        else
            break;
    }
    ret->consumed = window_offset(&w);
    a->close(decoder);
    window_release(&w);
    free(block);
}

static void check_same(const struct feed_adapter *a, const struct outcome *want, struct bytes input,
                       struct cuts cuts)
{
    struct outcome got;

    run(a, input, cuts, true, &got);
    if (got.step != STEP_END)
        fail_msg("%s, piece %zu, seed %" PRIu32 ": %s", a->name, cuts.piece, cuts.seed,
                 got.err.msg);
    if (!bytes_eq(buf_bytes(&want->text), buf_bytes(&got.text)) || got.consumed != want->consumed) {
        fail_msg("%s, piece %zu, seed %" PRIu32 ": the items differ from those of one piece",
                 a->name, cuts.piece, cuts.seed);
    }
    outcome_release(&got);
}

static bool is_legal_end(const struct feed_adapter *a, const struct outcome *whole,
                         struct bytes input, size_t n)
{
    if (n >= whole->consumed)
        return true;
    if (a->may_end != NULL)
        return a->may_end(bytes_of(input.p, n));
    if (!a->open_ended)
        return false;
    for (size_t i = 0; i < whole->end_count; i++) {
        if (whole->ends[i] == n)
            return true;
    }
    return n == 0;
}

static void check_prefix(const struct feed_adapter *a, const struct outcome *whole,
                         struct bytes input, size_t n)
{
    const struct cuts one_piece = {.piece = SIZE_MAX};
    bool legal = is_legal_end(a, whole, input, n);
    struct outcome got;

    run(a, bytes_of(input.p, n), one_piece, false, &got);
    if (got.step != STEP_MORE && !(got.step == STEP_END && legal))
        fail_msg("%s, first %zu bytes, fed: step %d %s", a->name, n, got.step, got.err.msg);
    outcome_release(&got);

    run(a, bytes_of(input.p, n), one_piece, true, &got);
    if (legal ? got.step != STEP_END : got.step != STEP_ERROR || got.err.kind != FT_ERR_CORRUPT)
        fail_msg("%s, first %zu bytes, closed: step %d %s", a->name, n, got.step, got.err.msg);
    outcome_release(&got);
}

static void check_change(const struct feed_adapter *a, struct bytes input, size_t at, uint8_t mask)
{
    uint8_t *copy = malloc(input.n);
    struct cuts cuts = {.piece = at % 2 == 0 ? SIZE_MAX : 61};
    struct outcome got;

    assert_non_null(copy);
    memcpy(copy, input.p, input.n);
    copy[at] ^= mask;
    run(a, bytes_of(copy, input.n), cuts, true, &got);
    if (got.step == STEP_ERROR && got.err.kind == FT_ERR_NONE)
        fail_msg("%s, byte %zu changed: an error without a kind", a->name, at);
    if (got.step == STEP_ERROR && (got.err.kind == FT_ERR_BUG || got.err.kind == FT_ERR_NOMEM))
        fail_msg("%s, byte %zu changed: %s", a->name, at, got.err.msg);
    outcome_release(&got);
    free(copy);
}

/* Every position, or so many that the work stays bounded. */
static size_t stride_for(size_t n)
{
    size_t runs = n == 0 ? 1 : WORK_BYTES / n;

    return runs >= n ? 1 : n / (runs == 0 ? 1 : runs) + 1;
}

void feed_check(const struct feed_adapter *a, struct bytes input)
{
    static const uint8_t masks[] = {0xff, 0x01, 0x80, 0x40};
    struct cuts cuts = {.piece = SIZE_MAX};
    struct outcome whole;
    size_t stride = stride_for(input.n);

    run(a, input, cuts, true, &whole);
    if (whole.step != STEP_END)
        fail_msg("%s: %s", a->name, whole.err.msg);
    cuts.piece = 1;
    check_same(a, &whole, input, cuts);
    for (unsigned i = 0; i < RANDOM_RUNS; i++) {
        struct cuts random = {.seed = SEED + i, .random_max = i % 2 == 0 ? 40 : 5000};

        check_same(a, &whole, input, random);
    }
    for (size_t n = 0; n < input.n; n += stride)
        check_prefix(a, &whole, input, n);
    for (size_t at = 0; at < input.n; at += stride)
        check_change(a, input, at, masks[at / stride % sizeof(masks)]);
    outcome_release(&whole);
}

char *feed_whole(const struct feed_adapter *a, struct bytes input)
{
    const struct cuts cuts = {.piece = SIZE_MAX};
    struct ft_err err = FT_ERR_INIT;
    struct outcome o;
    char *text;

    run(a, input, cuts, true, &o);
    if (o.step != STEP_END)
        fail_msg("%s: %s", a->name, o.err.msg);
    t_ok(buf_append(&o.text, "", 1, &err), &err);
    text = (char *)o.text.p;
    free(o.ends);
    return text;
}

void feed_gives(const struct feed_adapter *a, struct bytes input, const char *want)
{
    char *text = feed_whole(a, input);

    assert_string_equal(text, want);
    free(text);
    feed_check(a, input);
}

void feed_error(const struct feed_adapter *a, struct bytes input, struct ft_err *ret_err)
{
    const struct cuts cuts = {.piece = SIZE_MAX};
    struct outcome o;

    run(a, input, cuts, true, &o);
    if (o.step != STEP_ERROR)
        fail_msg("%s: no error", a->name);
    *ret_err = o.err;
    outcome_release(&o);
}

void feed_digest(struct buf *out, struct bytes b)
{
    struct ft_err err = FT_ERR_INIT;
    uint64_t hash = 14695981039346656037u;
    char text[400];

    if (b.n <= 40) {
        t_ok(buf_append_str(out, bytes_escape(b, text, sizeof(text)), &err), &err);
        return;
    }
    for (size_t i = 0; i < b.n; i++)
        hash = (hash ^ b.p[i]) * 1099511628211u;
    t_ok(buf_printf(out, &err, "%zu:%016" PRIx64, b.n, hash), &err);
}

struct buf feed_file(const char *name)
{
    const char *dir = getenv("T_FIXTURES");
    struct ft_err err = FT_ERR_INIT;
    struct buf content = {0};
    char path[512];
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "fixtures", name);
    f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("could not open \"%s\"", path);
    do {
        t_ok(buf_reserve(&content, 65536, &err), &err);
        content.n += fread(content.p + content.n, 1, content.cap - content.n, f);
    } while (!feof(f) && !ferror(f));
    assert_false(ferror(f));
    (void)fclose(f); /* was only read */
    return content;
}
