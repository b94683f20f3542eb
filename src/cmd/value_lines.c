#include "cmd/value_lines.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "cmd/quoting.h"
#include "rdb/rdb_string.h"
#include "rdb/value_stream.h"
#include "rdb/value_walk.h"

#define ELEMENTS_SHOWN 10u
#define ARG_SHOWN      60u
#define FIELDS_SHOWN   8u

void value_line_print(void *context, const char *line)
{
    (void)context;
    printf("\n        %s", line);
}

void value_line_append(void *context, const char *line)
{
    json_t *text = json_string(line);

    json_array_append_new(context, text); /* what is missing shows that memory ran out */
}

/* One line in the making. */
struct lines {
    value_line_fn *take;
    void *context;
    FILE *line;
    char *text;
    size_t text_size;
};

static int lines_open(struct lines *l, value_line_fn *take, void *context, struct ft_err *err)
{
    *l = (struct lines){.take = take, .context = context};
    l->line = open_memstream(&l->text, &l->text_size);
    return l->line == NULL ? err_nomem(err, "a line") : 0;
}

static void lines_close(struct lines *l)
{
    fclose(l->line); /* memory only */
    free(l->text);
}

static void line_end(struct lines *l)
{
    putc('\0', l->line); /* a shorter line than the one before is not ended by fflush */
    fflush(l->line);     /* memory only: a line that is cut shows */
    l->take(l->context, l->text != NULL ? l->text : "");
    rewind(l->line);
}

static void print_count(struct lines *l, uint64_t count, const char *one, const char *many)
{
    fprintf(l->line, "%" PRIu64 " %s", count, count == 1 ? one : many);
    line_end(l);
}

static void print_more(struct lines *l, uint64_t count)
{
    if (count == 0)
        return;
    fprintf(l->line, "... and %" PRIu64 " more", count);
    line_end(l);
}

static void print_element(struct lines *l, enum value_class class, const struct value_element *e)
{
    if (class == VALUE_HASH) {
        quoting_print(l->line, e->field, ARG_SHOWN);
        fputs(" = ", l->line);
    }
    quoting_print(l->line, e->value, ARG_SHOWN);
    if (class == VALUE_ZSET) {
        char score[DOUBLE_TEXT_SIZE];

        fprintf(l->line, " score %s", double_to_text(e->score, score));
    }
    if (e->expire_ms != VALUE_NO_TTL && e->expire_ms >= 0) {
        char time[FORMAT_TIME];

        fprintf(l->line, " until %s",
                format_time_us((uint64_t)e->expire_ms % (UINT64_MAX / 1000) * 1000, time));
    }
    line_end(l);
}

static const char *element_arg(enum value_class class, bool one)
{
    if (class == VALUE_HASH)
        return one ? "field" : "fields";
    if (class == VALUE_LIST)
        return one ? "element" : "elements";
    return one ? "member" : "members";
}

/* Counted by walking: not every encoding says how many elements it has. */
static int count_elements(struct value_iter *it, uint64_t *ret, struct ft_err *err)
{
    struct value_element e;
    enum step step;
    uint64_t n = 0;

    while ((step = value_iter_next(it, &e, err)) == STEP_ITEM)
        n++;
    *ret = n;
    return step == STEP_END ? 0 : -1;
}

static int show_elements(struct lines *l, const struct rdb_entry *entry, struct value_iter *it,
                         struct ft_err *err)
{
    enum value_class class = rdb_type_class(entry->type);
    struct value_element e = {.expire_ms = VALUE_NO_TTL};
    uint64_t count;
    uint64_t shown;

    if (count_elements(it, &count, err) != 0 ||
        value_iter_reset(it, entry->type, entry->value, err) != 0)
        return -1;
    if (class != VALUE_STRING)
        print_count(l, count, element_arg(class, true), element_arg(class, false));
    for (shown = 0; shown < count && shown < ELEMENTS_SHOWN; shown++) {
        if (value_iter_next(it, &e, err) != STEP_ITEM)
            return -1;
        print_element(l, class, &e);
    }
    print_more(l, count - shown);
    return 0;
}

static int elements(struct lines *l, const struct rdb_entry *entry, struct ft_err *err)
{
    struct value_iter *it;
    int rc;

    if (value_iter_new(&it, entry->type, entry->value, err) != 0)
        return -1;
    rc = show_elements(l, entry, it, err);
    value_iter_free(it);
    return rc;
}

static void print_stream_entry(struct lines *l, const struct stream_entry *e)
{
    size_t shown = e->arg_count < FIELDS_SHOWN ? e->arg_count : FIELDS_SHOWN;

    fprintf(l->line, "%" PRIu64 "-%" PRIu64, e->id.ms, e->id.seq);
    for (size_t i = 0; i < shown; i++) {
        putc(' ', l->line);
        quoting_print(l->line, e->args[i], ARG_SHOWN);
    }
    if (shown < e->arg_count)
        fprintf(l->line, " ...(%zu arguments)", e->arg_count);
    line_end(l);
}

static int stream_groups(struct lines *l, struct stream_iter *it, struct ft_err *err)
{
    struct stream_group g;
    enum step step;

    while ((step = stream_iter_next_group(it, &g, err)) == STEP_ITEM) {
        fputs("group ", l->line);
        quoting_print(l->line, g.name, ARG_SHOWN);
        fprintf(l->line,
                ": last id %" PRIu64 "-%" PRIu64 ", %" PRIu64 " pending, %" PRIu64 " consumer%s",
                g.last_id.ms, g.last_id.seq, g.pending_count, g.consumer_count,
                plural(g.consumer_count));
        line_end(l);
    }
    return step == STEP_END ? 0 : -1;
}

static int stream_entries(struct lines *l, struct stream_iter *it, struct ft_err *err)
{
    const struct stream_head *head = stream_iter_head(it);
    struct stream_entry e;
    enum step step;
    uint64_t n = 0;

    fprintf(l->line, "%" PRIu64 " %s, last id %" PRIu64 "-%" PRIu64 ", %" PRIu64 " ever added",
            head->length, head->length == 1 ? "entry" : "entries", head->last_id.ms,
            head->last_id.seq, head->entries_added);
    line_end(l);
    while ((step = stream_iter_next_entry(it, &e, err)) == STEP_ITEM) {
        if (n++ < ELEMENTS_SHOWN)
            print_stream_entry(l, &e);
    }
    print_more(l, n > ELEMENTS_SHOWN ? n - ELEMENTS_SHOWN : 0);
    return step == STEP_END ? stream_groups(l, it, err) : -1;
}

static int stream(struct lines *l, const struct rdb_entry *entry, struct ft_err *err)
{
    struct stream_iter *it;
    int rc;

    if (stream_iter_new(&it, entry->type, entry->value, err) != 0)
        return -1;
    rc = stream_entries(l, it, err);
    stream_iter_free(it);
    return rc;
}

static int json_text(struct lines *l, const struct rdb_entry *entry, struct ft_err *err)
{
    struct buf scratch = BUF_INIT(0);
    struct bytes in = entry->value;
    struct bytes text;
    int rc = rdb_string_take(&in, &text, &scratch, err);

    if (rc == 0) {
        quoting_print(l->line, text, 4 * ARG_SHOWN);
        line_end(l);
    }
    buf_release(&scratch);
    return rc;
}

static int value(struct lines *l, const struct rdb_entry *entry, struct ft_err *err)
{
    switch (rdb_type_class(entry->type)) {
    case VALUE_STREAM:
        return stream(l, entry, err);
    case VALUE_JSON:
        return json_text(l, entry, err);
    case VALUE_MODULE:
    case VALUE_PROBABILISTIC:
        fprintf(l->line, "(%" PRIu64 " bytes of a private form)", entry->value_bytes);
        line_end(l);
        return 0;
    default:
        return elements(l, entry, err);
    }
}

int value_lines(const struct rdb_entry *entry, value_line_fn *take, void *context,
                struct ft_err *err)
{
    struct lines lines;
    int rc;

    if (lines_open(&lines, take, context, err) != 0)
        return -1;
    rc = value(&lines, entry, err);
    lines_close(&lines);
    return rc;
}
