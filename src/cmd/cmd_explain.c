#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cmd/commands.h"
#include "cmd/ui.h"
#include "cmd/words.h"
#include "item/translate.h"

#define COMMAND "explain"

static const char help[] =
    "Usage: flowtape explain [OPTION...] COMMAND ARG...\n"
    "\n"
    "Shows what a command from Dragonfly's journal becomes for a target. Words of the command may\n"
    "hold \\xNN, \\n, \\r, \\t and \\\\ for bytes that are hard to type.\n"
    "\n"
    "  --redis VERSION   the target: 5.0, 6.2, 7.0 (default), 7.2, 7.4, 8.0, valkey-7.2, "
    "valkey-8.0\n"
    "  --cluster         the target is a cluster\n"
    "  --json-as HOW     JSON values as \"module\" or as \"string\"\n"
    "  --old-source      the source is Dragonfly 1.26 or older\n"
    "  --db N            the record's database (default 0)\n"
    "  --at-ms MS        when the record was received, ms since the epoch (default: now)\n"
    "  --json            print the result as JSON\n"
    "  --help            this text\n";

enum {
    OPT_CLUSTER = 256,
    OPT_JSON_AS,
    OPT_OLD_SOURCE,
    OPT_DB,
    OPT_AT_MS,
};

static const struct option long_options[] = {
    {"redis", required_argument, NULL, 'r'},
    {"cluster", no_argument, NULL, OPT_CLUSTER},
    {"json-as", required_argument, NULL, OPT_JSON_AS},
    {"old-source", no_argument, NULL, OPT_OLD_SOURCE},
    {"db", required_argument, NULL, OPT_DB},
    {"at-ms", required_argument, NULL, OPT_AT_MS},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct explain {
    struct translator_options options;
    uint64_t db;
    uint64_t at_ms;
    bool json;
    struct bytes *words;
    size_t word_count;
};

static void print_words(const char *label, const struct bytes *words, size_t count)
{
    printf("%-9s", label);
    for (size_t i = 0; i < count; i++) {
        putchar(' ');
        word_print(stdout, words[i], 0);
    }
    putchar('\n');
}

/* What a client does in place of the command. %s and %d: source and destination. */
static const char *plan_text(const struct translation_plan *p)
{
    switch (p->kind) {
    case PLAN_RENAME:
        return p->only_if_absent ? "DUMP %s, RESTORE %d if absent, DEL %s"
                                 : "DUMP %s, RESTORE %d REPLACE, DEL %s";
    case PLAN_COPY:
        return p->only_if_absent ? "DUMP %s, RESTORE %d if absent" : "DUMP %s, RESTORE %d REPLACE";
    case PLAN_MOVE:
        return "DUMP %s, RESTORE it in the other database if absent, DEL %s";
    case PLAN_SMOVE:
        return "SISMEMBER %s, then SADD %d, SREM %s";
    case PLAN_LMOVE:
        return "read the end of %s, push it to %d, pop it from %s";
    case PLAN_STORE:
        return "copy the sources to the slot of %d, run the command there, delete the copies";
    case PLAN_SORT_STORE:
        return "SORT %s without STORE, write the result as list %d";
    case PLAN_POP:
        return "pop from the first of the keys that is not empty";
    case PLAN_DELETE_DIGEST:
        return "GET %s, DEL %s if the digest says so";
    case PLAN_NONE:
        break;
    }
    return "";
}

static void print_plan(const struct translation_plan *p)
{
    printf("%-9s ", "plan");
    for (const char *s = plan_text(p); *s != '\0'; s++) {
        if (s[0] == '%' && (s[1] == 's' || s[1] == 'd'))
            word_print(stdout, *++s == 's' ? p->src : p->dst, 0);
        else
            putchar(*s);
    }
    putchar('\n');
}

static void print_keys(const struct translation *t)
{
    for (size_t i = 0; i < t->key_count; i++) {
        printf("%-9s db %" PRIu32 " ", i == 0 ? "keys" : "", t->keys[i].db);
        word_print(stdout, t->keys[i].key, 0);
        puts(t->keys[i].suspect ? " (suspect)" : "");
    }
}

static void print_text(const struct explain *e, const struct translation *t)
{
    char time[FORMAT_TIME];

    printf("%-9s Redis %s%s, received %s\n", "target", e->options.target->name,
           e->options.cluster ? " cluster" : "", format_time_us(e->at_ms * 1000, time));
    print_words("record", e->words, e->word_count);
    printf("%-9s %s%s\n", "class", translation_class_name(t->class_),
           t->every_node && e->options.cluster ? ", on every master" : "");
    for (size_t i = 0; i < t->command_count; i++)
        print_words(i == 0 ? "becomes" : "", t->commands[i].words, t->commands[i].count);
    if (t->plan.kind != PLAN_NONE)
        print_plan(&t->plan);
    for (size_t i = 0; i < t->flush.range_count; i++)
        printf("%-9s %u-%u\n", i == 0 ? "slots" : "", t->flush.ranges[i].first,
               t->flush.ranges[i].last);
    print_keys(t);
    for (size_t i = 0; i < t->loss_count; i++)
        printf("%-9s %s (%s): %s\n", loss_is_note(t->losses[i].reason) ? "drops" : "loses",
               loss_reason_name(t->losses[i].reason), t->losses[i].class_name, t->losses[i].text);
    if (t->note[0] != '\0' && (t->loss_count == 0 || strcmp(t->note, t->losses[0].text) != 0))
        printf("%-9s %s\n", "note", t->note);
    if (t->row != NULL && t->row->expected_errors != NULL && t->command_count != 0)
        printf("%-9s %s\n", "errors", t->row->expected_errors);
}

/* Text where it is UTF-8, else {"hex": "..."}. */
static json_t *word_to_json(struct bytes w)
{
    json_t *json;
    char *hex;

    if (bytes_is_utf8(w))
        return json_stringn((const char *)w.p, w.n);
    hex = malloc(2 * w.n + 1);
    if (hex == NULL)
        return NULL;
    for (size_t i = 0; i < w.n; i++)
        snprintf(hex + 2 * i, 3, "%02x", w.p[i]);
    json = json_pack("{s:s}", "hex", hex);
    free(hex);
    return json;
}

static json_t *words_to_json(const struct bytes *words, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, word_to_json(words[i]));
    return array;
}

static json_t *commands_to_json(const struct translation *t)
{
    json_t *array = json_array();

    for (size_t i = 0; i < t->command_count; i++)
        json_array_append_new(array, words_to_json(t->commands[i].words, t->commands[i].count));
    return array;
}

static json_t *keys_to_json(const struct translation *t)
{
    json_t *array = json_array();

    for (size_t i = 0; i < t->key_count; i++)
        json_array_append_new(array, json_pack("{s:I, s:o, s:b}", "db", (json_int_t)t->keys[i].db,
                                               "key", word_to_json(t->keys[i].key), "suspect",
                                               t->keys[i].suspect));
    return array;
}

static json_t *losses_to_json(const struct translation *t)
{
    json_t *array = json_array();

    for (size_t i = 0; i < t->loss_count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:b}", "reason",
                                               loss_reason_name(t->losses[i].reason), "class",
                                               t->losses[i].class_name, "text", t->losses[i].text,
                                               "note", loss_is_note(t->losses[i].reason)));
    return array;
}

static json_t *plan_to_json(const struct translation_plan *p)
{
    if (p->kind == PLAN_NONE)
        return json_null();
    return json_pack("{s:s, s:o, s:o, s:b}", "kind", plan_kind_name(p->kind), "source",
                     word_to_json(p->src), "destination", word_to_json(p->dst), "only_if_absent",
                     p->only_if_absent);
}

static void print_json(const struct explain *e, const struct translation *t)
{
    json_t *json =
        json_pack("{s:s, s:b, s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:b, s:s?}", "target",
                  e->options.target->name, "cluster", e->options.cluster, "received_ms",
                  (json_int_t)e->at_ms, "record", words_to_json(e->words, e->word_count), "class",
                  translation_class_name(t->class_), "becomes", commands_to_json(t), "plan",
                  plan_to_json(&t->plan), "keys", keys_to_json(t), "losses", losses_to_json(t),
                  "note", t->note, "every_node", t->every_node, "expected_errors",
                  t->row == NULL ? NULL : t->row->expected_errors);

    if (json != NULL)
        json_dumpf(json, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
    putchar('\n');
    json_decref(json);
}

static enum exit_status explain(const struct explain *e)
{
    struct ft_err err = FT_ERR_INIT;
    struct translator *t = NULL;
    struct translation result;

    if (translator_new(&t, &e->options, &err) < 0)
        return ui_fail(COMMAND, &err);
    if (translator_run(t, e->words, e->word_count, (uint32_t)e->db, (int64_t)e->at_ms, &result,
                       &err) < 0) {
        translator_free(t);
        return ui_fail(COMMAND, &err);
    }
    if (e->json)
        print_json(e, &result);
    else
        print_text(e, &result);
    translator_free(t);
    return ui_flush(COMMAND, EXIT_DONE);
}

static int json_as_parse(const char *text, enum json_as *ret, struct ft_err *err)
{
    if (strcmp(text, "module") == 0)
        *ret = JSON_AS_MODULE;
    else if (strcmp(text, "string") == 0)
        *ret = JSON_AS_STRING;
    else
        return err_set(err, FT_ERR_USAGE, "JSON as \"%.40s\": it is \"module\" or \"string\"",
                       text);
    return 0;
}

static int option_take(struct explain *e, int option, struct ft_err *err)
{
    switch (option) {
    case 'r':
        return target_parse(optarg, &e->options.target, err);
    case OPT_CLUSTER:
        e->options.cluster = true;
        return 0;
    case OPT_JSON_AS:
        return json_as_parse(optarg, &e->options.json_as, err);
    case OPT_OLD_SOURCE:
        e->options.old_source = true;
        return 0;
    case OPT_DB:
        return parse_u64(optarg, &e->db, err);
    case OPT_AT_MS:
        return parse_u64(optarg, &e->at_ms, err);
    default:
        e->json = true;
        return 0;
    }
}

int cmd_explain(int argc, char **argv)
{
    struct explain e = {.options.target = target_default(), .at_ms = clock_wall_us() / 1000};
    struct ft_err err = FT_ERR_INIT;
    enum exit_status status;
    int option;

    /* "+": words of the command that begin with a dash are no options */
    while ((option = getopt_long(argc, argv, "+h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return ui_flush(COMMAND, EXIT_DONE);
        }
        if (option == '?')
            return ui_usage(COMMAND, "unknown option, or one without its value");
        if (option_take(&e, option, &err) < 0)
            return ui_fail(COMMAND, &err);
    }
    if (optind == argc)
        return ui_usage(COMMAND, "which command?");
    if (e.db > UINT16_MAX || e.at_ms > INT64_MAX / 1000000)
        return ui_usage(COMMAND, "the database or time is out of range");
    e.words = calloc((size_t)(argc - optind), sizeof(e.words[0]));
    if (e.words == NULL)
        return ui_usage(COMMAND, "out of memory");
    for (int i = optind; i < argc; i++)
        e.words[e.word_count++] = words_unescape(argv[i]);
    status = explain(&e);
    free(e.words);
    return status;
}
