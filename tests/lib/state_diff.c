/*
 * state-diff - compares a live server, or a dump of one, with a recording's state.json.
 *
 *   state-diff [options] STATE.json TARGET      TARGET: PORT, HOST:PORT or unix:PATH
 *   state-diff [options] files A.json B.json
 *   state-diff [options] dump TARGET            prints the data set as JSON
 *
 *   --db LIST          databases to read, such as 0,1,2 (default all 16)
 *   --cluster          TARGET is any node of a cluster; all masters are read
 *   --db-prefix        databases were merged: N > 0 became the prefix "dbN:"
 *   --ttl-slack MS     default 1000
 *   --skip-lossy       leave out keys that plain Redis cannot hold
 *   --old-streams      streams as releases before 1.26 save them
 *   --any-stream-ids   stream entries may have other ids
 *   --ignore KEY       leave out a key, written db/key; may be repeated
 *   --ignore-prefix P  leave out unexpected keys that begin so
 *   --or OTHER.json    a key may also be as in this file
 *
 * Exit status 0 equal, 1 different, 2 something else went wrong.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dataset.h"

struct settings {
    bool dbs[DATASET_DBS];
    bool cluster;
    bool db_prefix;
    const char *other;
    struct dataset_rules rules;
};

static int usage(void)
{
    fprintf(stderr, "usage: state-diff [options] STATE.json TARGET\n"
                    "       state-diff [options] files A.json B.json\n"
                    "       state-diff [options] dump TARGET\n");
    return 2;
}

static void parse_dbs(const char *list, bool dbs[DATASET_DBS])
{
    memset(dbs, 0, DATASET_DBS * sizeof(bool));
    while (*list != '\0') {
        char *end;
        unsigned long db = strtoul(list, &end, 10);

        if (end == list || db >= DATASET_DBS) {
            fprintf(stderr, "\"%s\" is not a list of databases\n", list);
            exit(2);
        }
        dbs[db] = true;
        list = *end == ',' ? end + 1 : end;
    }
}

static int parse_options(int argc, char **argv, struct settings *s)
{
    static const struct option options[] = {{"db", required_argument, NULL, 'd'},
                                            {"cluster", no_argument, NULL, 'c'},
                                            {"db-prefix", no_argument, NULL, 'p'},
                                            {"ttl-slack", required_argument, NULL, 't'},
                                            {"skip-lossy", no_argument, NULL, 'l'},
                                            {"old-streams", no_argument, NULL, 's'},
                                            {"any-stream-ids", no_argument, NULL, 'n'},
                                            {"ignore", required_argument, NULL, 'i'},
                                            {"ignore-prefix", required_argument, NULL, 'x'},
                                            {"or", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'd':
            parse_dbs(optarg, s->dbs);
            break;
        case 'c':
            s->cluster = true;
            break;
        case 'p':
            s->db_prefix = true;
            break;
        case 't':
            s->rules.ttl_slack_ms = atoll(optarg);
            break;
        case 'l':
            s->rules.skip_lossy = true;
            break;
        case 's':
            s->rules.old_streams = true;
            break;
        case 'n':
            s->rules.any_stream_ids = true;
            break;
        case 'i':
            json_object_set_new(s->rules.ignore, optarg, json_true());
            break;
        case 'x':
            s->rules.skip_prefix = optarg;
            break;
        case 'o':
            s->other = optarg;
            break;
        default:
            return -1;
        }
    }
    return 0;
}

static json_t *load_expected(const char *path, bool db_prefix)
{
    json_t *set = dataset_load(path);
    json_t *merged;

    if (set == NULL || !db_prefix)
        return set;
    merged = dataset_prefix(set);
    json_decref(set);
    return merged;
}

static int dump(const struct settings *s, const char *target)
{
    json_t *set = dataset_dump(target, s->dbs, s->cluster);

    if (set == NULL)
        return 2;
    json_dumpf(set, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
    putchar('\n');
    json_decref(set);
    return 0;
}

static int compare(struct settings *s, const char *path, json_t *found)
{
    json_t *expected = found != NULL ? load_expected(path, s->db_prefix) : NULL;
    int rc = 2;

    if (s->other != NULL)
        s->rules.other = load_expected(s->other, s->db_prefix);
    if (expected != NULL && (s->other == NULL || s->rules.other != NULL))
        rc = dataset_diff(expected, found, &s->rules) == 0 ? 0 : 1;
    json_decref(expected);
    json_decref(s->rules.other);
    json_decref(found);
    return rc;
}

int main(int argc, char **argv)
{
    struct settings s = {.rules = {.ttl_slack_ms = 1000, .limit = 20}};
    int rc;

    memset(s.dbs, 1, sizeof(s.dbs));
    s.rules.ignore = json_object();
    if (parse_options(argc, argv, &s) != 0)
        return usage();
    argc -= optind;
    argv += optind;
    if (argc == 2 && strcmp(argv[0], "dump") == 0)
        rc = dump(&s, argv[1]);
    else if (argc == 3 && strcmp(argv[0], "files") == 0)
        rc = compare(&s, argv[1], dataset_load(argv[2]));
    else if (argc == 2)
        rc = compare(&s, argv[0], dataset_dump(argv[1], s.dbs, s.cluster));
    else
        rc = usage();
    json_decref(s.rules.ignore);
    return rc;
}
