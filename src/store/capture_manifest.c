/*
 * capture.json. Nothing read from it is believed before it is in range; what is not known is
 * skipped.
 */
#include "store/capture_manifest.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/fsutil.h"
#include "base/json_tree.h"
#include "base/parse.h"
#include "store/capture_private.h"
#include "store/segment_format.h"

#define FORMAT_NAME   "flowtape-capture"
#define DIGEST_PREFIX "xxh3:"
#define DIGEST_TEXT   (sizeof(DIGEST_PREFIX) + 16)
#define ID_TEXT       (2 * CAPTURE_ID_SIZE + 1)
/* What the source is; of a Dragonfly nothing is said. */
#define KIND_REDIS "redis"

/*
 * Writing. The JSON functions take NULL for a value that could not be made and fail in turn, so one
 * look at the end is enough.
 */

static json_t *json_time(uint64_t time_us)
{
    char text[FORMAT_TIME];

    return json_string(format_time_us(time_us, text));
}

static json_t *segment_json(const struct segment_info *s)
{
    char digest[DIGEST_TEXT];

    (void)snprintf(digest, sizeof(digest), DIGEST_PREFIX "%016" PRIx64, s->digest);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:b, s:s}", "file",
                     s->name, "kind", segment_kind_name(s->kind), "ordinal", (json_int_t)s->ordinal,
                     "start_offset", (json_int_t)s->start_offset, "bytes", (json_int_t)s->raw_bytes,
                     "file_bytes", (json_int_t)s->file_bytes, "blocks", (json_int_t)s->block_count,
                     "start_lsn", (json_int_t)s->start_lsn, "next_lsn", (json_int_t)s->next_lsn,
                     "first_time", json_time(s->first_time_us), "last_time",
                     json_time(s->last_time_us), "ended", (int)s->ended, "digest", digest);
}

static json_t *flow_json(const struct capture_flow *f, uint32_t number)
{
    json_t *segments = json_array();

    for (size_t i = 0; i < f->segment_count; i++) {
        if (json_array_append_new(segments, segment_json(&f->segments[i])) != 0) {
            json_decref(segments);
            return NULL;
        }
    }
    return json_pack("{s:I, s:b, s:I, s:I, s:s, s:o}", "flow", (json_int_t)number,
                     "snapshot_complete", (int)f->snapshot_complete, "stable_lsn",
                     (json_int_t)f->stable_lsn, "next_lsn", (json_int_t)f->next_lsn, "eof_token",
                     f->eof_token, "segments", segments);
}

static json_t *generation_json(const struct generation *g)
{
    json_t *flows = json_array();

    for (uint32_t i = 0; i < g->flow_count; i++) {
        if (json_array_append_new(flows, flow_json(&g->flows[i], i)) != 0) {
            json_decref(flows);
            return NULL;
        }
    }
    return json_pack("{s:I, s:s, s:s, s:s, s:i, s:s, s:s, s:o, s:I, s:s, s:o}", "id",
                     (json_int_t)g->id, "state", generation_state_name(g->state), "replication_id",
                     g->replication_id, "source_version", g->source_version, "protocol",
                     g->protocol, "sharding", sharding_rule_name(g->sharding), "snapshot_records",
                     snapshot_records_name(g->snapshot_records), "began", json_time(g->began_us),
                     "resumptions", (json_int_t)g->resumptions, "ended_by", g->ended_by, "flows",
                     flows);
}

static json_t *source_json(const struct capture *c)
{
    if (!c->redis)
        return json_pack("{s:s}", "address", c->source_address);
    return json_pack("{s:s, s:s}", "address", c->source_address, "kind", KIND_REDIS);
}

static json_t *capture_json(const struct capture *c)
{
    json_t *generations = json_array();
    char id[ID_TEXT];

    bytes_to_hex(bytes_of(c->id, sizeof(c->id)), id);
    for (size_t i = 0; i < c->generation_count; i++) {
        if (json_array_append_new(generations, generation_json(&c->generations[i])) != 0) {
            json_decref(generations);
            return NULL;
        }
    }
    return json_pack("{s:s, s:i, s:i, s:s, s:o, s:o, s:o}", "format", FORMAT_NAME, "major",
                     c->redis ? CAPTURE_MAJOR_REDIS : CAPTURE_MAJOR, "minor", CAPTURE_MINOR,
                     "capture_id", id, "created", json_time(c->created_us), "source",
                     source_json(c), "generations", generations);
}

int capture_manifest_text(const struct capture *c, char **ret, struct ft_err *err)
{
    json_t *root = capture_json(c);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(1));

    json_decref(root);
    if (text == NULL) {
        return err_set(err, FT_ERR_NOMEM,
                       "could not make the manifest: out of memory, or a text is not UTF-8");
    }
    if (json_tree_is_whole(err) != 0) {
        free(text);
        return -1;
    }
    *ret = text;
    return 0;
}

int capture_save(struct capture *c, struct ft_err *err)
{
    char *text;
    int rc;

    if (c->lock_fd < 0)
        return err_set(err, FT_ERR_BUG, "\"%s\" is not open to be written", c->path);
    rc = capture_manifest_text(c, &text, err);
    if (rc == 0) {
        rc = fs_replace_file(c->dirfd, CAPTURE_MANIFEST, bytes_str(text), err);
        free(text);
    }
    return rc == 0 ? 0 : err_wrap(err, "capture \"%s\"", c->path);
}

/*
 * Reading
 */

static int wrong(const char *key, const char *wanted, struct ft_err *err)
{
    err_set(err, FT_ERR_CORRUPT, "\"%s\" is missing or not %s", key, wanted);
    return -1;
}

static int get_u64(const json_t *obj, const char *key, uint64_t max, uint64_t *ret,
                   struct ft_err *err)
{
    const json_t *v = json_object_get(obj, key);

    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max) {
        err_set(err, FT_ERR_CORRUPT, "\"%s\" is missing or not a whole number up to %" PRIu64, key,
                max);
        return -1;
    }
    *ret = (uint64_t)json_integer_value(v);
    return 0;
}

static int get_u32(const json_t *obj, const char *key, uint32_t max, uint32_t *ret,
                   struct ft_err *err)
{
    uint64_t v;

    if (get_u64(obj, key, max, &v, err) != 0)
        return -1;
    *ret = (uint32_t)v;
    return 0;
}

static int get_bool(const json_t *obj, const char *key, bool *ret, struct ft_err *err)
{
    const json_t *v = json_object_get(obj, key);

    if (!json_is_boolean(v))
        return wrong(key, "true or false", err);
    *ret = json_is_true(v);
    return 0;
}

/* get_text - the string itself; valid as long as obj. */
static const char *get_text(const json_t *obj, const char *key, struct ft_err *err)
{
    const char *s = json_string_value(json_object_get(obj, key));

    if (s == NULL)
        wrong(key, "a text", err);
    return s;
}

static int copy_text(const json_t *obj, const char *key, char *ret, size_t size, struct ft_err *err)
{
    const char *s = get_text(obj, key, err);

    if (s == NULL)
        return -1;
    if (strlen(s) >= size)
        return err_set(err, FT_ERR_CORRUPT, "\"%s\" is longer than %zu bytes", key, size - 1);
    memcpy(ret, s, strlen(s) + 1);
    return 0;
}

static int get_time(const json_t *obj, const char *key, uint64_t *ret, struct ft_err *err)
{
    const char *s = get_text(obj, key, err);
    struct ft_err cause = FT_ERR_INIT;
    uint64_t time_us;

    if (s == NULL)
        return -1;
    if (parse_time_us(s, &time_us, &cause) != 0 || time_us > SEGMENT_TIME_MAX_US)
        return wrong(key, "a time such as 2026-08-20T12:34:56.789Z", err);
    *ret = time_us;
    return 0;
}

static const json_t *get_array(const json_t *obj, const char *key, struct ft_err *err)
{
    const json_t *v = json_object_get(obj, key);

    if (json_is_array(v))
        return v;
    wrong(key, "an array", err);
    return NULL;
}

/* Exactly n bytes as lower-case hexadecimal digits. */
static bool parse_hex(const char *s, uint8_t *ret, size_t n)
{
    if (strlen(s) != 2 * n || strspn(s, "0123456789abcdef") != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {s[2 * i], s[2 * i + 1], '\0'};

        ret[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static int get_digest(const json_t *obj, const char *key, uint64_t *ret, struct ft_err *err)
{
    const char *s = get_text(obj, key, err);
    size_t prefix = strlen(DIGEST_PREFIX);
    uint8_t p[8];

    if (s == NULL)
        return -1;
    if (strncmp(s, DIGEST_PREFIX, prefix) != 0 || !parse_hex(s + prefix, p, sizeof(p)))
        return wrong(key, "\"xxh3:\" and 16 hexadecimal digits", err);
    *ret = 0;
    for (size_t i = 0; i < sizeof(p); i++)
        *ret = *ret << 8 | p[i];
    return 0;
}

static int get_kind(const json_t *obj, const char *key, enum segment_kind *ret, struct ft_err *err)
{
    const char *s = get_text(obj, key, err);

    if (s == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(capture_kinds) / sizeof(capture_kinds[0]); i++) {
        if (strcmp(s, segment_kind_name(capture_kinds[i])) == 0) {
            *ret = capture_kinds[i];
            return 0;
        }
    }
    return wrong(key, "snapshot, journal or increment", err);
}

static int read_segment(const json_t *j, struct segment_info *s, struct ft_err *err)
{
    const uint64_t max = SEGMENT_NUMBER_MAX;

    s->sealed = true;
    if (copy_text(j, "file", s->name, sizeof(s->name), err) != 0 ||
        get_kind(j, "kind", &s->kind, err) != 0 ||
        get_u32(j, "ordinal", UINT32_MAX, &s->ordinal, err) != 0 ||
        get_u64(j, "start_offset", max, &s->start_offset, err) != 0 ||
        get_u64(j, "bytes", max, &s->raw_bytes, err) != 0 ||
        get_u64(j, "file_bytes", max, &s->file_bytes, err) != 0 ||
        get_u64(j, "blocks", max, &s->block_count, err) != 0 ||
        get_u64(j, "start_lsn", max, &s->start_lsn, err) != 0 ||
        get_u64(j, "next_lsn", max, &s->next_lsn, err) != 0 ||
        get_time(j, "first_time", &s->first_time_us, err) != 0 ||
        get_time(j, "last_time", &s->last_time_us, err) != 0 ||
        get_bool(j, "ended", &s->ended, err) != 0)
        return -1;
    return get_digest(j, "digest", &s->digest, err);
}

/* What follows from the segments is in the manifest for other readers; it must not contradict. */
static int check_flow(const json_t *j, const struct capture_flow *f, struct ft_err *err)
{
    uint64_t stable_lsn;
    uint64_t next_lsn;
    bool complete;

    if (get_bool(j, "snapshot_complete", &complete, err) != 0 ||
        get_u64(j, "stable_lsn", SEGMENT_NUMBER_MAX, &stable_lsn, err) != 0 ||
        get_u64(j, "next_lsn", SEGMENT_NUMBER_MAX, &next_lsn, err) != 0)
        return -1;
    if (complete == f->snapshot_complete && stable_lsn == f->stable_lsn && next_lsn == f->next_lsn)
        return 0;
    return err_set(err, FT_ERR_CORRUPT,
                   "says stable LSN %" PRIu64 " and next LSN %" PRIu64 ", the segments say %" PRIu64
                   " and %" PRIu64,
                   stable_lsn, next_lsn, f->stable_lsn, f->next_lsn);
}

static int read_flow(const json_t *j, struct generation *g, uint32_t flow, struct ft_err *err)
{
    const json_t *segments = get_array(j, "segments", err);
    uint32_t number;

    if (segments == NULL || get_u32(j, "flow", CAPTURE_FLOWS_MAX, &number, err) != 0)
        return -1;
    if (number != flow)
        return wrong("flow", "the place in the array", err);
    if (copy_text(j, "eof_token", g->flows[flow].eof_token, sizeof(g->flows[flow].eof_token),
                  err) != 0)
        return -1;
    for (size_t i = 0; i < json_array_size(segments); i++) {
        struct segment_info s = {0};

        if (read_segment(json_array_get(segments, i), &s, err) != 0 ||
            capture_add_segment(g, flow, &s, err) != 0)
            return err_wrap(err, "segment %zu", i);
    }
    return check_flow(j, &g->flows[flow], err);
}

static int read_state(const json_t *j, enum generation_state *ret, struct ft_err *err)
{
    const char *s = get_text(j, "state", err);

    if (s == NULL)
        return -1;
    for (int i = GENERATION_SNAPSHOT; i <= GENERATION_ABANDONED; i++) {
        if (strcmp(s, generation_state_name((enum generation_state)i)) == 0) {
            *ret = (enum generation_state)i;
            return 0;
        }
    }
    return wrong("state", "snapshot, complete or abandoned", err);
}

/* A rule of the future is as good as none: without one nothing is dropped. */
static enum sharding_rule parse_sharding(const char *s)
{
    for (int i = SHARDING_KEY; i <= SHARDING_KEY_OR_TAG; i++) {
        if (strcmp(s, sharding_rule_name((enum sharding_rule)i)) == 0)
            return (enum sharding_rule)i;
    }
    return SHARDING_UNKNOWN;
}

/* The field is optional: without it everything has to be looked at. */
static enum snapshot_records parse_snapshot_records(const json_t *j)
{
    const char *s = json_string_value(json_object_get(j, "snapshot_records"));

    for (int i = SNAPSHOT_RECORDS_NONE; s != NULL && i <= SNAPSHOT_RECORDS_SOME; i++) {
        if (strcmp(s, snapshot_records_name((enum snapshot_records)i)) == 0)
            return (enum snapshot_records)i;
    }
    return SNAPSHOT_RECORDS_UNKNOWN;
}

static int read_generation_fields(const json_t *j, struct generation *g, struct ft_err *err)
{
    const char *sharding = get_text(j, "sharding", err);
    uint32_t protocol;

    if (sharding == NULL ||
        copy_text(j, "replication_id", g->replication_id, sizeof(g->replication_id), err) != 0 ||
        copy_text(j, "source_version", g->source_version, sizeof(g->source_version), err) != 0 ||
        copy_text(j, "ended_by", g->ended_by, sizeof(g->ended_by), err) != 0 ||
        get_u32(j, "protocol", INT32_MAX, &protocol, err) != 0 ||
        get_u32(j, "resumptions", UINT32_MAX, &g->resumptions, err) != 0 ||
        get_time(j, "began", &g->began_us, err) != 0)
        return -1;
    g->protocol = (int)protocol;
    g->sharding = parse_sharding(sharding);
    g->snapshot_records = parse_snapshot_records(j);
    return 0;
}

static int read_generation(const json_t *j, struct capture *c, struct ft_err *err)
{
    const struct generation *before = capture_newest(c);
    uint32_t before_id = before == NULL ? 0 : before->id;
    const json_t *flows = get_array(j, "flows", err);
    enum generation_state state = GENERATION_SNAPSHOT;
    struct generation *g;
    uint32_t id;

    if (flows == NULL || get_u32(j, "id", UINT32_MAX, &id, err) != 0 ||
        read_state(j, &state, err) != 0)
        return -1;
    if (id <= before_id)
        return wrong("id", "greater than the one before", err);
    if (json_array_size(flows) == 0 || json_array_size(flows) > CAPTURE_FLOWS_MAX)
        return wrong("flows", "an array of 1 to 1024 flows", err);
    if (capture_append_generation(c, (uint32_t)json_array_size(flows), &g, err) != 0)
        return -1;
    g->id = id;
    if (read_generation_fields(j, g, err) != 0)
        return -1;
    for (uint32_t i = 0; i < g->flow_count; i++) {
        if (read_flow(json_array_get(flows, i), g, i, err) != 0)
            return err_wrap(err, "flow %" PRIu32, i);
    }
    if (state == GENERATION_ABANDONED)
        g->state = state;
    if (g->state != state)
        return wrong("state", "what the segments say", err);
    return 0;
}

static int check_format(const json_t *root, uint32_t *ret_major, struct ft_err *err)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    uint32_t major;

    if (format == NULL || strcmp(format, FORMAT_NAME) != 0)
        return err_set(err, FT_ERR_STATE, "it is not the manifest of a flowtape capture");
    if (get_u32(root, "major", UINT32_MAX, &major, err) != 0)
        return -1;
    if (major > CAPTURE_MAJOR_REDIS) {
        return err_set(err, FT_ERR_UNSUPPORTED,
                       "capture format %" PRIu32
                       " is newer than this program, which reads up to %d",
                       major, CAPTURE_MAJOR_REDIS);
    }
    *ret_major = major;
    return major == 0 ? wrong("major", "a version", err) : 0;
}

static int read_source(const json_t *source, uint32_t major, struct capture *c, struct ft_err *err)
{
    const char *kind = json_string_value(json_object_get(source, "kind"));

    if (copy_text(source, "address", c->source_address, sizeof(c->source_address), err) != 0)
        return -1;
    if (kind != NULL && strcmp(kind, KIND_REDIS) != 0)
        return err_set(err, FT_ERR_UNSUPPORTED,
                       "its source is of a kind that this program does not know: \"%.40s\"", kind);
    c->redis = kind != NULL;
    if (c->redis != (major == CAPTURE_MAJOR_REDIS))
        return wrong("kind", "that of this version of the format", err);
    return 0;
}

static int read_capture(const json_t *root, struct capture *c, struct ft_err *err)
{
    const json_t *generations;
    const char *id;
    uint32_t major;

    if (check_format(root, &major, err) != 0)
        return -1;
    id = get_text(root, "capture_id", err);
    generations = get_array(root, "generations", err);
    if (id == NULL || generations == NULL)
        return -1;
    if (!parse_hex(id, c->id, sizeof(c->id)))
        return wrong("capture_id", "32 hexadecimal digits", err);
    if (get_time(root, "created", &c->created_us, err) != 0 ||
        read_source(json_object_get(root, "source"), major, c, err) != 0)
        return -1;
    for (size_t i = 0; i < json_array_size(generations); i++) {
        if (read_generation(json_array_get(generations, i), c, err) != 0)
            return err_wrap(err, "generations[%zu]", i);
    }
    return 0;
}

int capture_manifest_parse(struct capture *c, struct bytes text, struct ft_err *err)
{
    json_t *root = NULL;
    int rc = json_tree_load(&root, text, JSON_REJECT_DUPLICATES, err);

    if (rc == 0)
        rc = read_capture(root, c, err);
    json_decref(root);
    return rc == 0 ? 0 : err_wrap(err, "\"%s/" CAPTURE_MANIFEST "\"", c->path);
}

int capture_manifest_load(struct capture *c, struct ft_err *err)
{
    struct buf text = {0};
    int rc;

    if (fs_read_file(c->dirfd, CAPTURE_MANIFEST, CAPTURE_MANIFEST_MAX_BYTES, &text, err) != 0)
        return err_wrap(err, "capture \"%s\"", c->path);
    rc = capture_manifest_parse(c, buf_bytes(&text), err);
    buf_release(&text);
    return rc;
}
