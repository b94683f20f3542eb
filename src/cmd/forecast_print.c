#include "cmd/forecast_print.h"

#include <inttypes.h>

#include "base/parse.h"
#include "cmd/json_value.h"
#include "cmd/loss_print.h"
#include "cmd/quoting.h"
#include "command/command_table.h"

#define SUSPECTS_PRINTED 10u
#define ARG_SHOWN        60u
#define NAMES_WIDTH      72

static uint64_t class_total(const struct forecast *f, enum translation_class class)
{
    uint64_t total = 0;
    size_t count;

    (void)command_rows(&count);
    for (size_t i = 0; i < count; i++)
        total += f->commands[i].counts[class];
    return total;
}

/* The commands of a class with their counts, in lines of bounded width. */
static void print_commands(const struct forecast *f, enum translation_class class)
{
    size_t count;
    const struct command_row *rows = command_rows(&count);
    int column = 0;

    for (size_t i = 0; i < count; i++) {
        if (f->commands[i].counts[class] == 0)
            continue;
        if (column == 0 || column > NAMES_WIDTH)
            column = printf("%s    ", column == 0 ? "" : "\n") - 1;
        column += printf("  %s %" PRIu64, rows[i].name, f->commands[i].counts[class]);
    }
    putchar('\n');
}

static const char *class_text(enum translation_class class)
{
    switch (class) {
    case TRANSLATION_AS_IS:
        return "as they are";
    case TRANSLATION_REWRITTEN:
        return "rewritten";
    case TRANSLATION_READ_WRITE:
        return "need values of the target to be read";
    case TRANSLATION_NOTHING:
        return "without an effect";
    case TRANSLATION_FLUSH:
        return "flushes";
    case TRANSLATION_LOSS:
        return "lost";
    }
    return "";
}

static void print_classes(const struct forecast *f)
{
    for (unsigned c = 0; c < TRANSLATION_CLASS_COUNT; c++) {
        enum translation_class class = (enum translation_class)c;
        uint64_t total = class_total(f, class);

        if (total == 0)
            continue;
        printf("  %10" PRIu64 "  %s\n", total, class_text(class));
        if (class != TRANSLATION_AS_IS)
            print_commands(f, class);
    }
    if (f->repeated != 0)
        printf("  %10" PRIu64 "  dropped: copies of what flow 0 brings\n", f->repeated);
    if (f->foreign != 0)
        printf("  %10" PRIu64 "  dropped: another flow owns their keys\n", f->foreign);
}

static void print_suspects(const struct suspect_report *r)
{
    size_t shown = r->first_count < SUSPECTS_PRINTED ? r->first_count : SUSPECTS_PRINTED;

    if (r->count == 0)
        return;
    printf("keys of which the journal does not say what became: %" PRIu64 "\n", r->count);
    for (size_t i = 0; i < shown; i++) {
        const struct suspect *s = &r->first[i];

        printf("    %" PRIu32 "/", s->db);
        quoting_print(stdout, s->key, ARG_SHOWN);
        printf("  by %s, flow %" PRIu32, s->command, s->flow);
        if (s->lsn != 0)
            printf(", LSN %" PRIu64, s->lsn);
        putchar('\n');
    }
    if (shown < r->count)
        printf("    ... and %" PRIu64 " more\n", r->count - shown);
}

static void print_cluster(const struct forecast *f)
{
    if (f->other_db_keys != 0 || f->other_db_records != 0) {
        printf("a cluster has database 0 only: %" PRIu64 " key%s and %" PRIu64
               " record%s in others\n",
               f->other_db_keys, plural(f->other_db_keys), f->other_db_records,
               f->other_db_keys + f->other_db_records == 1 ? " are" : "s are");
    }
    if (f->cross_slot_records != 0) {
        printf("%" PRIu64 " record%s more than one step: its keys lie in different slots\n",
               f->cross_slot_records, f->cross_slot_records == 1 ? " takes" : "s take");
    }
}

void forecast_print(const struct forecast *f, const struct source *source,
                    const struct forecast_options *options)
{
    char title[TARGET_TITLE_SIZE];

    printf("%s for %s%s: %" PRIu64 " key%s, %" PRIu64 " journal record%s\n", source->path,
           target_title(options->target->name, title), options->cluster ? " cluster" : "", f->keys,
           plural(f->keys), f->records, plural(f->records));
    print_classes(f);
    if (options->cluster)
        print_cluster(f);
    print_suspects(&f->suspects);
    if (f->losses.losses == 0)
        puts("nothing would be lost");
    else
        printf("%" PRIu64 " would be lost\n", f->losses.losses);
    loss_print(stdout, &f->losses);
}

static json_t *commands_to_json(const struct forecast *f, enum translation_class class)
{
    json_t *object = json_object();
    size_t count;
    const struct command_row *rows = command_rows(&count);

    for (size_t i = 0; i < count; i++) {
        if (f->commands[i].counts[class] != 0)
            json_object_set_new(object, rows[i].name,
                                json_integer((json_int_t)f->commands[i].counts[class]));
    }
    return object;
}

static json_t *classes_to_json(const struct forecast *f)
{
    json_t *object = json_object();

    for (unsigned c = 0; c < TRANSLATION_CLASS_COUNT; c++) {
        enum translation_class class = (enum translation_class)c;

        json_object_set_new(object, translation_class_name(class), commands_to_json(f, class));
    }
    return object;
}

json_t *forecast_to_json(const struct forecast *f, const struct source *source,
                         const struct forecast_options *options)
{
    return json_pack(
        "{s:o, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "input",
        json_from_text(source->path), "target", options->target->name, "cluster", options->cluster,
        "keys", (json_int_t)f->keys, "records", (json_int_t)f->records, "foreign_records",
        (json_int_t)f->foreign, "repeated_records", (json_int_t)f->repeated, "keys_outside_db_0",
        (json_int_t)f->other_db_keys, "records_outside_db_0", (json_int_t)f->other_db_records,
        "cross_slot_records", (json_int_t)f->cross_slot_records, "commands", classes_to_json(f),
        "suspects", json_from_suspects(&f->suspects), "loss", loss_to_json(&f->losses));
}
