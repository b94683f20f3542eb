#include "cmd/inspect_json.h"

#include <jansson.h>
#include <stdio.h>

#include "base/parse.h"
#include "cmd/json_value.h"

static json_t *int_of(uint64_t v)
{
    return json_integer((json_int_t)v);
}

static json_t *time_of(uint64_t us)
{
    char text[FORMAT_TIME];

    return us == 0 ? json_null() : json_string(format_time_us(us, text));
}

static json_t *segment_to_json(const struct segment_info *s)
{
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "file", s->name, "kind",
                     segment_kind_name(s->kind), "sealed", s->sealed, "start_offset",
                     int_of(s->start_offset), "bytes", int_of(s->raw_bytes), "file_bytes",
                     int_of(s->file_bytes), "start_lsn", int_of(s->start_lsn), "next_lsn",
                     int_of(s->next_lsn), "first_time", time_of(s->first_time_us), "last_time",
                     time_of(s->last_time_us));
}

static json_t *flow_to_json(const struct capture_flow *f, uint32_t number)
{
    json_t *segments = json_array();

    for (size_t i = 0; i < f->segment_count; i++)
        json_array_append_new(segments, segment_to_json(&f->segments[i]));
    return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o}", "flow", int_of(number), "bytes",
                     int_of(f->raw_bytes), "snapshot_complete", f->snapshot_complete, "stable_lsn",
                     int_of(f->stable_lsn), "next_lsn", int_of(f->next_lsn), "segments", segments);
}

static json_t *generation_to_json(const struct generation *g)
{
    json_t *flows = json_array();

    for (uint32_t i = 0; g->state != GENERATION_ABANDONED && i < g->flow_count; i++)
        json_array_append_new(flows, flow_to_json(&g->flows[i], i));
    return json_pack("{s:o, s:s, s:s, s:s, s:i, s:s, s:o, s:o, s:s, s:o}", "generation",
                     int_of(g->id), "state", generation_state_name(g->state), "replication_id",
                     g->replication_id, "source_version", g->source_version, "protocol",
                     g->protocol, "sharding", sharding_rule_name(g->sharding), "began",
                     time_of(g->began_us), "resumptions", int_of(g->resumptions), "ended_by",
                     g->ended_by, "flows", flows);
}

static json_t *capture_to_json(const struct capture *c)
{
    json_t *generations = json_array();
    char id[2 * CAPTURE_ID_SIZE + 1];

    bytes_to_hex(bytes_of(c->id, CAPTURE_ID_SIZE), id);
    for (size_t i = 0; i < c->generation_count; i++)
        json_array_append_new(generations, generation_to_json(&c->generations[i]));
    return json_pack("{s:s, s:s, s:o, s:o}", "capture_id", id, "source", c->source_address,
                     "created", time_of(c->created_us), "generations", generations);
}

static json_t *counts_to_json(const uint64_t *counts, unsigned n, const char *(*name)(unsigned i))
{
    json_t *object = json_object();

    for (unsigned i = 0; i < n; i++) {
        if (counts[i] != 0)
            json_object_set_new(object, name(i), int_of(counts[i]));
    }
    return object;
}

static const char *class_name_of(unsigned class)
{
    return value_class_name((enum value_class) class);
}

static json_t *census_to_json(const struct census *c)
{
    json_t *dbs = json_array();

    for (size_t i = 0; i < c->db_count; i++) {
        json_array_append_new(
            dbs, json_pack("{s:o, s:o, s:o}", "db", int_of(c->dbs[i].db), "keys",
                           counts_to_json(c->dbs[i].keys, VALUE_CLASS_COUNT, class_name_of),
                           "value_bytes",
                           counts_to_json(c->dbs[i].bytes, VALUE_CLASS_COUNT, class_name_of)));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o}",
                     "keys", int_of(c->keys), "value_bytes", int_of(c->bytes), "dbs", dbs, "ttl",
                     counts_to_json(c->ttls, CENSUS_TTL_COUNT, census_ttl_name), "size",
                     counts_to_json(c->sizes, CENSUS_SIZE_COUNT, census_size_name), "encodings",
                     counts_to_json(c->types, RDB_TYPE_COUNT, rdb_type_name), "largest", "bytes",
                     int_of(c->largest_bytes), "db", int_of(c->largest_db), "key",
                     json_from_bytes(buf_bytes(&c->largest_key)), "functions", int_of(c->functions),
                     "scripts", int_of(c->scripts), "journal_commands", int_of(c->records),
                     "journal_commands_in_snapshot", int_of(c->records_in_snapshot));
}

static json_t *source_to_json(const struct source *s)
{
    json_t *json =
        json_pack("{s:s, s:o, s:i, s:b, s:o, s:o, s:o}", "kind", source_kind_name(s), "path",
                  json_from_text(s->path), "rdb_version", (int)s->info.rdb_version, "dragonfly",
                  s->info.dragonfly, "version", json_from_text(s->info.version), "saved",
                  time_of(s->info.ctime_s * 1000000), "streams", int_of(s->stream_count));

    if (json != NULL && s->generation != 0)
        json_object_set_new(json, "generation", int_of(s->generation));
    return json;
}

json_t *inspect_to_json(const struct source *source, const struct capture *capture,
                        const struct census *census)
{
    json_t *json = json_object();

    if (source != NULL)
        json_object_set_new(json, "input", source_to_json(source));
    if (capture != NULL)
        json_object_set_new(json, "capture", capture_to_json(capture));
    if (census != NULL)
        json_object_set_new(json, "census", census_to_json(census));
    return json;
}
