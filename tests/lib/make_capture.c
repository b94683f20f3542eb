/*
 * make-capture - a capture with the journal records of a text, one a line, on standard input.
 *
 *   make-capture [--rule key|tag] [--release df-v1.37.2] FLOWS DIR   lines: FLOW SECOND DB WORD WORD...
 *
 * Each flow's snapshot holds one string (t_flows.h). A record is received SECOND seconds behind it.
 * Exit status 0, or 1 with a message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/t_flows.h"

static int fail(const struct ft_err *err)
{
    fprintf(stderr, "make-capture: %s\n", err->msg);
    return 1;
}

static int add_line(struct t_growing *g, uint32_t flows, char *line, struct ft_err *err)
{
    struct t_record record = {.txid = 1};
    unsigned flow;
    int at = 0;

    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%u %u %u %n", &flow, &record.second, &record.db, &at) != 3 || at == 0 ||
        flow >= flows)
        return err_set(err, FT_ERR_USAGE, "not FLOW SECOND DB WORD...: %.80s", line);
    record.text = line + at;
    return t_growing_add(g, flow, &record, err);
}

static int make(const char *path, uint32_t flows, enum sharding_rule rule, struct ft_err *err)
{
    struct t_growing *g;
    char *line = NULL;
    size_t size = 0;
    int rc = t_growing_new(&g, path, flows, rule, err);

    if (rc != 0)
        return -1;
    while (rc == 0 && getline(&line, &size, stdin) >= 0)
        rc = add_line(g, flows, line, err);
    for (uint32_t i = 0; rc == 0 && i < flows; i++)
        rc = t_growing_seal(g, i, err);
    free(line);
    t_growing_free(g);
    return rc;
}

int main(int argc, char **argv)
{
    struct ft_err err = FT_ERR_INIT;
    enum sharding_rule rule = SHARDING_KEY;

    for (; argc > 3 && argv[1][0] == '-'; argv += 2, argc -= 2) {
        if (strcmp(argv[1], "--rule") == 0)
            rule = strcmp(argv[2], "tag") == 0 ? SHARDING_TAG : SHARDING_KEY;
        else if (strcmp(argv[1], "--release") == 0)
            t_flows_release = argv[2];
        else
            break;
    }
    if (argc != 3) {
        fprintf(stderr,
                "usage: make-capture [--rule key|tag] [--release VERSION] FLOWS DIR <RECORDS\n");
        return 1;
    }
    return make(argv[2], (uint32_t)strtoul(argv[1], NULL, 10), rule, &err) == 0 ? 0 : fail(&err);
}
