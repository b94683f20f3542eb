#include "cmd/capture_nodes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/parse.h"
#include "capture/capture_set_run.h"
#include "capture/cluster_nodes.h"
#include "cmd/capture_print.h"
#include "cmd/json_value.h"
#include "cmd/ui.h"
#include "wire/uri_list.h"

#define COMMAND "capture"

int capture_nodes_find(struct server_args *source, int cancel_fd, struct ft_err *err)
{
    struct uri *nodes;
    uint32_t count;

    if (cluster_nodes_find(&nodes, &count, &source->nodes[0], cancel_fd, err) != 0)
        return -1;
    uri_list_free(source->nodes, source->node_count);
    source->nodes = nodes;
    source->node_count = count;
    return 0;
}

static int node_report(const struct capture_args *a, const struct capture_set *set, uint32_t node,
                       const struct capture_run_result *result, json_t *list, struct ft_err *err)
{
    char *path = capture_set_node_path(set, node);
    struct capture *c = NULL;
    int rc;

    if (path == NULL)
        return err_nomem(err, "a path");
    if (!capture_set_has(set, NULL, node) && !capture_is_dir(path)) {
        free(path);
        return 0;
    }
    rc = capture_open_read(&c, path, err);
    free(path);
    if (rc != 0)
        return -1;
    if (a->output.json)
        (void)json_array_append_new(list, capture_to_json(c, result, NULL, NULL));
    else
        capture_print_text(c, result, NULL);
    capture_free(c);
    return 0;
}

static int set_to_json(const struct capture_args *a, const struct capture_set *set,
                       const struct capture_set_result *result,
                       const struct archiver_result *archive, const char *why, json_t *nodes,
                       struct ft_err *err)
{
    const struct set_generation *g = capture_set_find(set, 0);
    char id[2 * CAPTURE_ID_SIZE + 1];

    bytes_to_hex(bytes_of(set->id, CAPTURE_ID_SIZE), id);
    return json_print(json_pack("{s:o, s:s, s:s, s:o, s:b, s:I, s:I, s:o, s:o}", "directory",
                                json_from_text(a->run.directory), "set_id", id, "ended",
                                capture_ended_name(result->ended), "error", json_from_message(why),
                                "valid", (int)result->valid, "duration_ms",
                                (json_int_t)result->elapsed_ms, "generation",
                                (json_int_t)(g == NULL ? 0 : g->id), "nodes", nodes, "archive",
                                capture_archive_to_json(archive)),
                      err);
}

static void print_set(const struct capture_set *set, const struct archiver_result *archive)
{
    const struct set_generation *g = capture_set_find(set, 0);
    uint32_t of_newest = 0;

    for (uint32_t i = 0; g != NULL && i < set->node_count; i++)
        of_newest += capture_set_has(set, g, i);
    if (g != NULL)
        fprintf(stderr, "%s: generation %" PRIu32 " of the set has %" PRIu32 " node%s\n", set->path,
                g->id, of_newest, plural(of_newest));
    else
        fprintf(stderr, "%s: not all nodes have a complete snapshot yet\n", set->path);
    if (archive != NULL)
        capture_print_archive(set->path, archive);
}

/* A node that never came so far as to have a capture has nothing to say. */
static int print_report(const struct capture_args *a, const struct capture_set_result *result,
                        const struct archiver_result *archive, const char *why, struct ft_err *err)
{
    struct capture_set *set;
    json_t *nodes = json_array();
    int rc = capture_set_open_read(&set, a->run.directory, err);

    if (rc != 0) {
        json_decref(nodes);
        return -1;
    }
    for (uint32_t i = 0; rc == 0 && i < set->node_count && i < result->node_count; i++)
        rc = node_report(a, set, i, &result->nodes[i], nodes, err);
    if (rc == 0 && a->output.json)
        rc = set_to_json(a, set, result, archive, why, nodes, err);
    else
        json_decref(nodes);
    if (rc == 0 && !a->output.json)
        print_set(set, archive);
    capture_set_free(set);
    return rc;
}

int capture_nodes(struct capture_args *a, struct capture_set_result *ret, struct ft_err *err)
{
    struct capture_set_options options;
    int rc = a->cluster ? capture_nodes_find(&a->source, a->run.cancel_fd, err) : 0;

    *ret = (struct capture_set_result){.ended = CAPTURE_ENDED_FAILED};
    if (rc == 0)
        rc = cluster_nodes_place(&a->source.nodes, &a->source.node_count, a->run.directory,
                                 a->run.cancel_fd, err);
    if (rc != 0)
        return -1;
    options = (struct capture_set_options){
        .nodes = a->source.nodes, .node_count = a->source.node_count, .run = a->run};
    return capture_set_run(&options, ret, err);
}

enum exit_status capture_nodes_report(const struct capture_args *a,
                                      const struct capture_set_result *result,
                                      const struct archiver_result *archive,
                                      const struct ft_err *why, enum exit_status status)
{
    struct ft_err err = FT_ERR_INIT;

    if ((a->output.json || (output_has_summary(&a->output) && why == NULL)) &&
        print_report(a, result, archive, why == NULL ? NULL : why->msg, &err) != 0 && why == NULL)
        status = ui_fail(COMMAND, &err);
    return ui_flush(COMMAND, status);
}
