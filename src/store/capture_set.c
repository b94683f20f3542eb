#include "store/capture_set.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/fsutil.h"
#include "base/json_tree.h"
#include "base/parse.h"
#include "store/capture_private.h"

#define FORMAT_NAME "flowtape-capture-set"
#define SET_LOCK    "set.lock"
#define SET_TMP     CAPTURE_SET_FILE ".tmp"
#define SLOT_LAST   16383
#define ID_TEXT     (2 * CAPTURE_ID_SIZE + 1)

/*
 * Writing. As in capture_manifest.c one look at the end tells whether all could be made.
 */

static json_t *slots_json(const struct set_slots *slots, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct set_slots *s = &slots[i];

        (void)json_array_append_new(list, json_pack("[i, i, i]", s->first, s->last, s->node));
    }
    return list;
}

static json_t *moment_json(const struct set_moment *s, uint32_t node_count)
{
    json_t *j = json_pack("{s:o, s:o}", "lsns", set_lsns_json(s->lsn, node_count), "slots",
                          slots_json(s->slots, s->slots_count));

    (void)json_object_set_new(j, "epochs", set_lsns_json(s->epoch, node_count));
    if (s->from != NULL)
        (void)json_object_set_new(j, "from", set_lsns_json(s->from, node_count));
    return j;
}

static json_t *generation_json(const struct set_generation *g, uint32_t node_count)
{
    json_t *nodes = json_array();
    json_t *moments = json_array();
    json_t *j;

    for (uint32_t i = 0; i < node_count; i++)
        (void)json_array_append_new(nodes, json_integer((json_int_t)g->nodes[i]));
    for (size_t i = 0; i < g->moment_count; i++)
        (void)json_array_append_new(moments, moment_json(&g->moments[i], node_count));
    j = json_pack("{s:I, s:o, s:o}", "id", (json_int_t)g->id, "nodes", nodes, "slots",
                  slots_json(g->slots, g->slots_count));
    if (g->moving != NULL)
        (void)json_object_set_new(j, "moving", set_lsns_json(g->moving, node_count));
    if (g->archived != NULL)
        (void)json_object_set_new(j, "archived", set_lsns_json(g->archived, node_count));
    if (g->moment_count != 0)
        (void)json_object_set_new(j, "moments", moments);
    else
        json_decref(moments);
    if (g->settled.kept)
        (void)json_object_set_new(j, "settled", set_settled_json(&g->settled));
    return j;
}

bool capture_set_has(const struct capture_set *s, const struct set_generation *g, uint32_t node)
{
    bool found = g != NULL && g->nodes[node] != 0;

    for (size_t i = 0; g == NULL && i < s->generation_count; i++)
        found = found || s->generations[i].nodes[node] != 0;
    return found;
}

static bool is_written(const struct set_generation *g, uint32_t generation)
{
    return generation == 0 || generation == g->id;
}

/*
 * A program that knows nothing of settled slots would not apply what comes of those that have moved; one that knows nothing of
 * nodes which are not in a generation would look for them.
 */
static int format_major(const struct capture_set *s, uint32_t generation)
{
    int major = 1;

    for (size_t i = 0; i < s->generation_count; i++) {
        const struct set_generation *g = &s->generations[i];

        if (!is_written(g, generation))
            continue;
        if (major < 2 && g->moment_count != 0)
            major = 2;
        for (uint32_t node = 0; node < s->node_count; node++)
            major = capture_set_has(s, g, node) ? major : 3;
    }
    return major;
}

/* A program that knows nothing of `settled` reads everything as it did before there was that. */
static int format_minor(const struct capture_set *s, uint32_t generation)
{
    int minor = 0;

    for (size_t i = 0; i < s->generation_count; i++)
        if (is_written(&s->generations[i], generation) && s->generations[i].settled.kept)
            minor = 1;
    return minor;
}

static json_t *node_json(const struct set_node *n)
{
    json_t *j = json_pack("{s:s, s:s}", "directory", n->directory, "address", n->address);

    if (n->ids != NULL)
        (void)json_object_set_new(j, "ids", json_string(n->ids));
    return j;
}

int capture_set_text(const struct capture_set *s, uint32_t generation, char **ret,
                     struct ft_err *err)
{
    json_t *nodes = json_array();
    json_t *generations = json_array();
    char id[ID_TEXT];
    char created[FORMAT_TIME];
    json_t *root;
    char *text;

    for (uint32_t i = 0; i < s->node_count; i++)
        (void)json_array_append_new(nodes, node_json(&s->nodes[i]));
    for (size_t i = 0; i < s->generation_count; i++)
        if (is_written(&s->generations[i], generation))
            (void)json_array_append_new(generations,
                                        generation_json(&s->generations[i], s->node_count));
    bytes_to_hex(bytes_of(s->id, sizeof(s->id)), id);
    root = json_pack("{s:s, s:i, s:i, s:s, s:s, s:o, s:o}", "format", FORMAT_NAME, "major",
                     format_major(s, generation), "minor", format_minor(s, generation), "set_id",
                     id, "created", format_time_us(s->created_us, created), "nodes", nodes,
                     "generations", generations);
    text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    if (text == NULL)
        return err_nomem(err, "the description of a set");
    if (json_tree_is_whole(err) != 0) {
        free(text);
        return -1;
    }
    *ret = text;
    return 0;
}

int capture_set_write(const struct capture_set *s, uint32_t generation, int dirfd,
                      struct ft_err *err)
{
    char *text;
    int rc = capture_set_text(s, generation, &text, err);

    if (rc == 0) {
        rc = fs_replace_file(dirfd, CAPTURE_SET_FILE, bytes_str(text), err);
        free(text);
    }
    return rc == 0 ? 0 : err_wrap(err, "set \"%s\"", s->path);
}

static int save(const struct capture_set *s, struct ft_err *err)
{
    return capture_set_write(s, 0, s->dirfd, err);
}

/*
 * Reading. Nothing is believed before it is in range.
 */

static int wrong(const char *key, const char *wanted, struct ft_err *err)
{
    return err_set(err, FT_ERR_CORRUPT, "\"%s\" is missing or not %s", key, wanted);
}

static bool in_range(const json_t *v, json_int_t min, json_int_t max)
{
    return json_is_integer(v) && json_integer_value(v) >= min && json_integer_value(v) <= max;
}

static void node_directory(uint32_t node, char out[CAPTURE_SET_DIR_SIZE])
{
    (void)snprintf(out, CAPTURE_SET_DIR_SIZE, "node-%04" PRIu32, node + 1); /* fits */
}

static int read_id(struct capture_set *s, const json_t *root, struct ft_err *err)
{
    const char *hex = json_string_value(json_object_get(root, "set_id"));

    if (hex == NULL || strlen(hex) != ID_TEXT - 1 || strspn(hex, "0123456789abcdef") != ID_TEXT - 1)
        return wrong("set_id", "32 hexadecimal digits", err);
    for (size_t i = 0; i < CAPTURE_ID_SIZE; i++) {
        const char pair[] = {hex[2 * i], hex[2 * i + 1], '\0'};

        s->id[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return 0;
}

static int read_nodes(struct capture_set *s, const json_t *list, struct ft_err *err)
{
    size_t count = json_array_size(list);

    if (count == 0 || count > CAPTURE_SET_NODES_MAX)
        return wrong("nodes", "an array of 1 to 256 nodes", err);
    s->nodes = calloc(count, sizeof(*s->nodes));
    if (s->nodes == NULL)
        return err_nomem(err, "the nodes of a set");
    s->node_count = (uint32_t)count;
    for (uint32_t i = 0; i < s->node_count; i++) {
        const json_t *node = json_array_get(list, i);
        const char *directory = json_string_value(json_object_get(node, "directory"));
        const char *address = json_string_value(json_object_get(node, "address"));
        const char *ids = json_string_value(json_object_get(node, "ids"));

        node_directory(i, s->nodes[i].directory);
        if (directory == NULL || strcmp(directory, s->nodes[i].directory) != 0)
            return wrong("directory", "that of the node's number", err);
        if (address == NULL || strlen(address) >= sizeof(s->nodes[i].address))
            return wrong("address", "an address", err);
        memcpy(s->nodes[i].address, address, strlen(address) + 1);
        if (ids != NULL && (s->nodes[i].ids = strdup(ids)) == NULL)
            return err_nomem(err, "the nodes of a set");
    }
    return 0;
}

static int read_slots(const struct capture_set *s, struct set_slots **ret, size_t *ret_count,
                      const json_t *list, struct ft_err *err)
{
    size_t count = json_array_size(list);
    json_int_t free_from = 0;
    struct set_slots *slots = calloc(count + 1, sizeof(*slots));

    *ret = slots;
    if (slots == NULL)
        return err_nomem(err, "the slots of a set");
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(list, i);
        const json_t *first = json_array_get(row, 0);
        const json_t *last = json_array_get(row, 1);
        const json_t *node = json_array_get(row, 2);

        if (!in_range(first, free_from, SLOT_LAST) ||
            !in_range(last, json_integer_value(first), SLOT_LAST) ||
            !in_range(node, 0, (json_int_t)s->node_count - 1))
            return wrong("slots", "an array of first slot, last slot and node, in order", err);
        free_from = json_integer_value(last) + 1;
        slots[(*ret_count)++] = (struct set_slots){.first = (uint16_t)json_integer_value(first),
                                                   .last = (uint16_t)json_integer_value(last),
                                                   .node = (uint16_t)json_integer_value(node)};
    }
    return 0;
}

/* Nobody reads what a node has that is not in the generation. */
static int check_owners(const struct capture_set *s, const struct set_generation *g,
                        const struct set_slots *slots, size_t count, struct ft_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!capture_set_has(s, g, slots[i].node))
            return wrong("slots", "of nodes of the generation", err);
    }
    return 0;
}

static int read_lsns(const struct capture_set *s, const json_t *list, uint64_t **ret,
                     struct ft_err *err)
{
    if (json_array_size(list) != s->node_count)
        return wrong("lsns", "an array with an LSN of each node", err);
    *ret = calloc(s->node_count, sizeof(**ret));
    if (*ret == NULL)
        return err_nomem(err, "the LSNs of a set");
    for (uint32_t i = 0; i < s->node_count; i++) {
        const json_t *lsn = json_array_get(list, i);

        if (!in_range(lsn, 0, INT64_MAX))
            return wrong("lsns", "an array with an LSN of each node", err);
        (*ret)[i] = (uint64_t)json_integer_value(lsn);
    }
    return 0;
}

static int read_moments(const struct capture_set *s, struct set_generation *g, const json_t *list,
                        struct ft_err *err)
{
    size_t count = json_array_size(list);

    for (size_t i = 0; i < count; i++) {
        const json_t *j = json_array_get(list, i);
        struct set_moment *one;

        if (ARRAY_ADD_ROOM(&g->moments, g->moment_count, "the slots of a set", err) != 0)
            return -1;
        one = &g->moments[g->moment_count++];
        *one = (struct set_moment){0};
        if (read_lsns(s, json_object_get(j, "lsns"), &one->lsn, err) != 0 ||
            read_lsns(s, json_object_get(j, "epochs"), &one->epoch, err) != 0 ||
            (json_object_get(j, "from") != NULL &&
             read_lsns(s, json_object_get(j, "from"), &one->from, err) != 0) ||
            read_slots(s, &one->slots, &one->slots_count, json_object_get(j, "slots"), err) != 0 ||
            check_owners(s, g, one->slots, one->slots_count, err) != 0)
            return -1;
    }
    return 0;
}

/* Room for one more, counted only when it is filled in. */
static int append_generation(struct capture_set *s, struct set_generation **ret, struct ft_err *err)
{
    struct set_generation *g;

    if (ARRAY_ADD_ROOM(&s->generations, s->generation_count, "a generation", err) != 0)
        return -1;
    g = &s->generations[s->generation_count++];
    *g = (struct set_generation){.nodes = calloc(s->node_count, sizeof(*g->nodes))};
    if (g->nodes == NULL)
        return err_nomem(err, "a generation");
    *ret = g;
    return 0;
}

static int read_generation(struct capture_set *s, const json_t *j, struct ft_err *err)
{
    const struct set_generation *before = capture_set_find(s, 0);
    json_int_t after = before == NULL ? 0 : (json_int_t)before->id;
    const json_t *id = json_object_get(j, "id");
    const json_t *nodes = json_object_get(j, "nodes");
    struct set_generation *g;
    bool any = false;

    if (!in_range(id, after + 1, UINT32_MAX))
        return wrong("id", "greater than the one before", err);
    if (json_array_size(nodes) != s->node_count)
        return wrong("nodes", "an array with a generation of each node", err);
    if (append_generation(s, &g, err) != 0)
        return -1;
    g->id = (uint32_t)json_integer_value(id);
    for (uint32_t i = 0; i < s->node_count; i++) {
        const json_t *of_node = json_array_get(nodes, i);

        if (!in_range(of_node, 0, UINT32_MAX))
            return wrong("nodes", "an array with a generation of each node", err);
        g->nodes[i] = (uint32_t)json_integer_value(of_node);
        any = any || g->nodes[i] != 0;
    }
    if (!any)
        return wrong("nodes", "an array with a generation of a node", err);
    if (read_slots(s, &g->slots, &g->slots_count, json_object_get(j, "slots"), err) != 0 ||
        check_owners(s, g, g->slots, g->slots_count, err) != 0)
        return -1;
    if (json_object_get(j, "moving") != NULL &&
        read_lsns(s, json_object_get(j, "moving"), &g->moving, err) != 0)
        return -1;
    if (json_object_get(j, "archived") != NULL &&
        read_lsns(s, json_object_get(j, "archived"), &g->archived, err) != 0)
        return -1;
    if (set_settled_read(&g->settled, json_object_get(j, "settled"), err) != 0)
        return -1;
    return read_moments(s, g, json_object_get(j, "moments"), err);
}

static int read_root(struct capture_set *s, const json_t *root, struct ft_err *err)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    const char *created = json_string_value(json_object_get(root, "created"));
    const json_t *generations = json_object_get(root, "generations");
    struct ft_err ignored = FT_ERR_INIT;

    if (format == NULL || strcmp(format, FORMAT_NAME) != 0)
        return wrong("format", "\"" FORMAT_NAME "\"", err);
    if (!in_range(json_object_get(root, "major"), 1, 3)) {
        return err_set(err, FT_ERR_UNSUPPORTED,
                       "the set has a format that this flowtape does not know");
    }
    if (created == NULL || parse_time_us(created, &s->created_us, &ignored) != 0)
        return wrong("created", "a time", err);
    if (read_id(s, root, err) != 0 || read_nodes(s, json_object_get(root, "nodes"), err) != 0)
        return -1;
    for (size_t i = 0; i < json_array_size(generations); i++) {
        if (read_generation(s, json_array_get(generations, i), err) != 0)
            return err_wrap(err, "generation %zu", i);
    }
    return 0;
}

static int take_text(struct capture_set *s, struct bytes text, struct ft_err *err)
{
    json_t *root = NULL;
    int rc = json_tree_load(&root, text, JSON_REJECT_DUPLICATES, err);

    if (rc == 0)
        rc = read_root(s, root, err);
    json_decref(root);
    return rc == 0 ? 0 : err_wrap(err, "\"%s/" CAPTURE_SET_FILE "\"", s->path);
}

static int load(struct capture_set *s, struct ft_err *err)
{
    struct buf text = BUF_INIT(CAPTURE_SET_MAX_BYTES);
    int rc = fs_read_file(s->dirfd, CAPTURE_SET_FILE, CAPTURE_SET_MAX_BYTES, &text, err);

    rc = rc == 0 ? take_text(s, buf_bytes(&text), err)
                 : err_wrap(err, "\"%s/" CAPTURE_SET_FILE "\"", s->path);
    buf_release(&text);
    return rc;
}

/*
 * Opening
 */

static int file_exists(int dirfd, bool *ret, struct ft_err *err)
{
    struct stat st;

    *ret = fstatat(dirfd, CAPTURE_SET_FILE, &st, 0) == 0;
    if (*ret || errno == ENOENT)
        return 0;
    return err_errno(err, errno, "could not look at \"" CAPTURE_SET_FILE "\"");
}

bool capture_set_is_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct ft_err ignored = FT_ERR_INIT;
    bool found = fd >= 0 && file_exists(fd, &found, &ignored) == 0 && found;

    if (fd >= 0)
        (void)close(fd);
    return found;
}

/* Without its directory. */
static int new_set(struct capture_set **ret, const char *path, struct ft_err *err)
{
    struct capture_set *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return err_nomem(err, "a set");
    s->dirfd = -1;
    s->lock_fd = -1;
    s->path = strdup(path);
    if (s->path == NULL) {
        capture_set_free(s);
        return err_nomem(err, "a path");
    }
    *ret = s;
    return 0;
}

static int open_dir(struct capture_set **ret, const char *path, struct ft_err *err)
{
    struct capture_set *s;

    if (new_set(&s, path, err) != 0)
        return -1;
    s->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dirfd >= 0) {
        *ret = s;
        return 0;
    }
    err_errno(err, errno, "could not open directory \"%s\"", path);
    capture_set_free(s);
    return -1;
}

int capture_set_from_text(struct capture_set **ret, struct bytes text, const char *path,
                          struct ft_err *err)
{
    struct capture_set *s;

    if (new_set(&s, path, err) != 0)
        return -1;
    if (take_text(s, text, err) != 0) {
        capture_set_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

int capture_set_open_read(struct capture_set **ret, const char *path, struct ft_err *err)
{
    struct capture_set *s;

    if (open_dir(&s, path, err) != 0)
        return -1;
    if (load(s, err) != 0) {
        capture_set_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

static int set_node(struct set_node *node, uint32_t index, const char *address, struct ft_err *err)
{
    size_t n = strlen(address);

    if (n >= sizeof(node->address) || !bytes_is_utf8(bytes_str(address)))
        return err_set(err, FT_ERR_USAGE, "a node's address is too long or not UTF-8");
    memcpy(node->address, address, n + 1);
    node_directory(index, node->directory);
    return 0;
}

static int start(struct capture_set *s, const char *const *addresses, uint32_t count,
                 struct ft_err *err)
{
    s->nodes = calloc(count, sizeof(*s->nodes));
    if (s->nodes == NULL)
        return err_nomem(err, "the nodes of a set");
    s->node_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (set_node(&s->nodes[i], i, addresses[i], err) != 0)
            return -1;
    }
    if (getrandom(s->id, sizeof(s->id), 0) != (ssize_t)sizeof(s->id))
        return err_errno(err, errno, "could not make an id");
    s->created_us = clock_wall_us();
    return save(s, err) != 0 ? -1 : fs_sync_dir(s->dirfd, "..", err);
}

/* What may lie in a directory that becomes a set: what a killed first start leaves. */
static int visit_before_set(int dirfd, const char *name, void *arg, struct ft_err *err)
{
    (void)dirfd;
    if (strcmp(name, SET_LOCK) == 0 || strcmp(name, SET_TMP) == 0 ||
        strcmp(name, "lost+found") == 0)
        return 0;
    return err_set(err, FT_ERR_STATE,
                   "directory \"%s\" is neither a capture set nor empty: it holds \"%s\"",
                   (const char *)arg, name);
}

bool capture_set_follows_cluster(const struct capture_set *s)
{
    return s->nodes[0].ids != NULL;
}

/*
 * Of slots that move from now on nothing is written down in the newest generation, and its nodes continue: its end is none of
 * the cluster.
 */
static int end_newest(struct capture_set *s, struct ft_err *err)
{
    struct set_generation *g =
        s->generation_count == 0 ? NULL : &s->generations[s->generation_count - 1];

    if (g == NULL || g->moment_count == 0 || g->moving != NULL)
        return 0;
    return set_lsns_copy(&g->moving, g->moments[g->moment_count - 1].lsn, s->node_count, err);
}

static int grow_lsns(uint64_t **lsn, uint32_t count, struct ft_err *err)
{
    uint64_t *grown;

    if (*lsn == NULL)
        return 0;
    grown = reallocarray(*lsn, count + 1u, sizeof(*grown));
    if (grown == NULL)
        return err_nomem(err, "the LSNs of a set");
    grown[count] = 0;
    *lsn = grown;
    return 0;
}

/* Of a node that was not there then nothing came before. */
static int grow_generation(struct set_generation *g, uint32_t count, struct ft_err *err)
{
    uint32_t *nodes = reallocarray(g->nodes, count + 1u, sizeof(*nodes));

    if (nodes == NULL)
        return err_nomem(err, "a generation");
    nodes[count] = 0;
    g->nodes = nodes;
    for (size_t i = 0; i < g->moment_count; i++) {
        struct set_moment *m = &g->moments[i];

        if (grow_lsns(&m->from, count, err) != 0 || grow_lsns(&m->lsn, count, err) != 0 ||
            grow_lsns(&m->epoch, count, err) != 0)
            return -1;
    }
    return grow_lsns(&g->moving, count, err);
}

int capture_set_join(struct capture_set *s, const char *address, struct ft_err *err)
{
    struct set_node *nodes;

    if (s->node_count == CAPTURE_SET_NODES_MAX)
        return err_set(err, FT_ERR_STATE, "a set has no more than %d nodes", CAPTURE_SET_NODES_MAX);
    nodes = reallocarray(s->nodes, s->node_count + 1u, sizeof(*nodes));
    if (nodes == NULL)
        return err_nomem(err, "the nodes of a set");
    s->nodes = nodes;
    nodes[s->node_count] = (struct set_node){0};
    if (set_node(&nodes[s->node_count], s->node_count, address, err) != 0 ||
        end_newest(s, err) != 0)
        return -1;
    for (size_t i = 0; i < s->generation_count; i++) {
        if (grow_generation(&s->generations[i], s->node_count, err) != 0)
            return -1;
    }
    s->node_count++;
    return save(s, err);
}

static int resume(struct capture_set *s, const char *const *addresses, uint32_t count,
                  struct ft_err *err)
{
    if (unlinkat(s->dirfd, SET_TMP, 0) != 0 && errno != ENOENT)
        return err_errno(err, errno, "could not remove \"%s/" SET_TMP "\"", s->path);
    if (load(s, err) != 0)
        return -1;
    while (capture_set_follows_cluster(s) && s->node_count < count) {
        if (capture_set_join(s, addresses[s->node_count], err) != 0)
            return -1;
    }
    if (s->node_count == count)
        return 0;
    return err_set(err, FT_ERR_STATE,
                   "the set \"%s\" has %" PRIu32 " node%s, not %" PRIu32
                   "; another cluster needs another directory",
                   s->path, s->node_count, plural(s->node_count), count);
}

static int prepare(struct capture_set *s, const char *const *addresses, uint32_t count,
                   struct ft_err *err)
{
    bool held = false;
    bool exists;

    if (capture_is_dir(s->path)) {
        return err_set(err, FT_ERR_STATE,
                       "\"%s\" is the capture of a single source; a set needs another directory",
                       s->path);
    }
    if (file_exists(s->dirfd, &exists, err) != 0)
        return -1;
    if (!exists && capture_list(s->dirfd, ".", visit_before_set, s->path, err) != 0)
        return -1;
    if (fs_lock_dir(s->dirfd, &held, err) == 0)
        s->lock_fd = fs_lock(s->dirfd, SET_LOCK, &held, err);
    if (s->lock_fd < 0 && held)
        return err_set(err, FT_ERR_STATE, "another process is writing to the set \"%s\"", s->path);
    if (s->lock_fd < 0 || file_exists(s->dirfd, &exists, err) != 0)
        return err_wrap(err, "could not lock the set \"%s\"", s->path);
    return exists ? resume(s, addresses, count, err) : start(s, addresses, count, err);
}

int capture_set_open_write(struct capture_set **ret, const char *path, const char *const *addresses,
                           uint32_t count, struct ft_err *err)
{
    struct capture_set *s;

    if (count == 0 || count > CAPTURE_SET_NODES_MAX)
        return err_set(err, FT_ERR_USAGE, "a set has 1 to %d nodes", CAPTURE_SET_NODES_MAX);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_errno(err, errno, "could not create directory \"%s\"", path);
    if (open_dir(&s, path, err) != 0)
        return -1;
    if (prepare(s, addresses, count, err) != 0) {
        capture_set_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

static void release_generation(struct set_generation *g)
{
    free(g->nodes);
    free(g->slots);
    for (size_t i = 0; i < g->moment_count; i++)
        set_moment_release(&g->moments[i]);
    free(g->moments);
    free(g->moving);
    free(g->archived);
    set_settled_release(&g->settled);
}

void capture_set_free(struct capture_set *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->generation_count; i++)
        release_generation(&s->generations[i]);
    free(s->generations);
    for (uint32_t i = 0; s->nodes != NULL && i < s->node_count; i++)
        free(s->nodes[i].ids);
    free(s->nodes);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    if (s->dirfd >= 0)
        (void)close(s->dirfd);
    free(s->path);
    free(s);
}

/* Moments that go said of which time nothing is known; the first of them that did so says it for all. */
static int cut_moments(const struct capture_set *s, struct set_generation *g, size_t moments,
                       struct ft_err *err)
{
    const uint64_t *from = NULL;
    uint64_t *moving;

    for (size_t i = moments; from == NULL && i < g->moment_count; i++)
        from = g->moments[i].from;
    if (set_lsns_copy(&moving, from, s->node_count, err) != 0)
        return -1;
    if (moving != NULL) {
        free(g->moving);
        g->moving = moving;
    }
    while (g->moment_count > moments)
        set_moment_release(&g->moments[--g->moment_count]);
    return 0;
}

int capture_set_cut(struct capture_set *s, size_t generations, size_t moments, struct ft_err *err)
{
    while (s->generation_count > generations)
        release_generation(&s->generations[--s->generation_count]);
    return generations == 0 ? 0 : cut_moments(s, &s->generations[generations - 1], moments, err);
}

/*
 * What is in it
 */

const struct set_generation *capture_set_find(const struct capture_set *s, uint32_t id)
{
    if (id == 0)
        return s->generation_count == 0 ? NULL : &s->generations[s->generation_count - 1];
    for (size_t i = 0; i < s->generation_count; i++) {
        if (s->generations[i].id == id)
            return &s->generations[i];
    }
    return NULL;
}

char *capture_set_node_path(const struct capture_set *s, uint32_t node)
{
    char *path;

    return asprintf(&path, "%s/%s", s->path, s->nodes[node].directory) < 0 ? NULL : path;
}

static int append_moment(const struct capture_set *s, struct set_generation *g,
                         const struct set_moment *moment, struct ft_err *err)
{
    if (ARRAY_ADD_ROOM(&g->moments, g->moment_count, "the slots of a set", err) != 0 ||
        set_moment_copy(&g->moments[g->moment_count], moment, s->node_count, err) != 0)
        return -1;
    g->moment_count++;
    return 0;
}

/* Do nodes continue with what they have in the generation? */
static bool shares_nodes(const struct capture_set *s, const struct set_generation *g,
                         const uint32_t *nodes)
{
    bool found = false;

    for (uint32_t i = 0; g != NULL && i < s->node_count; i++)
        found = found || (nodes[i] != 0 && nodes[i] == g->nodes[i]);
    return found;
}

int capture_set_add(struct capture_set *s, const uint32_t *nodes, const struct set_slots *slots,
                    size_t slots_count, const struct set_moment *moment, size_t moment_count,
                    struct ft_err *err)
{
    const struct set_generation *before = capture_set_find(s, 0);
    uint32_t id = before == NULL ? 1 : before->id + 1;
    struct set_generation *g;

    if (before != NULL && moment_count == 0 &&
        memcmp(before->nodes, nodes, s->node_count * sizeof(*nodes)) == 0)
        return 0;
    if (shares_nodes(s, before, nodes) && end_newest(s, err) != 0)
        return -1;
    if (append_generation(s, &g, err) != 0)
        return -1;
    g->id = id;
    g->settled.kept = s->keeps_marks;
    memcpy(g->nodes, nodes, s->node_count * sizeof(*nodes));
    if (set_slots_copy(&g->slots, slots, slots_count, err) != 0)
        return -1;
    g->slots_count = slots_count;
    for (size_t i = 0; i < moment_count; i++) {
        if (append_moment(s, g, &moment[i], err) != 0)
            return -1;
    }
    return save(s, err);
}

int capture_set_add_moment(struct capture_set *s, const struct set_moment *moment,
                           struct ft_err *err)
{
    struct set_generation *g = &s->generations[s->generation_count - 1];

    return append_moment(s, g, moment, err) != 0 ? -1 : save(s, err);
}

int capture_set_mark_moving(struct capture_set *s, const uint64_t *lsn, struct ft_err *err)
{
    struct set_generation *g = &s->generations[s->generation_count - 1];
    uint64_t *copy;

    if ((lsn == NULL) == (g->moving == NULL))
        return 0;
    if (set_lsns_copy(&copy, lsn, s->node_count, err) != 0)
        return -1;
    free(g->moving);
    g->moving = copy;
    return save(s, err);
}

int capture_set_add_mark(struct capture_set *s, uint32_t flow_count, const uint64_t *given_up,
                         const uint64_t *at_rest, struct ft_err *err)
{
    int rc = set_settled_add(&s->generations[s->generation_count - 1].settled, flow_count, given_up,
                             at_rest, err);

    return rc == 0 ? save(s, err) : rc > 0 ? 0 : -1;
}

int capture_set_know(struct capture_set *s, uint32_t node, const char *ids, struct ft_err *err)
{
    struct set_node *n = &s->nodes[node];
    char *copy;

    if (n->ids != NULL && strcmp(n->ids, ids) == 0)
        return 0;
    copy = strdup(ids);
    if (copy == NULL)
        return err_nomem(err, "the nodes of a set");
    free(n->ids);
    n->ids = copy;
    return save(s, err);
}
