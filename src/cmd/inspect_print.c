#include "cmd/inspect_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "cmd/quoting.h"

/* More segments of a kind than this share a line. */
#define SEGMENTS_APART 3u
#define KEY_SHOWN      80u

/* "received 2026-08-20T12:34:56.789Z, within 1m 03s" */
static void print_received(uint64_t first_us, uint64_t last_us)
{
    char time[FORMAT_TIME];
    char within[FORMAT_SIZE];

    printf("  %s", format_time_us(first_us, time));
    if (last_us > first_us)
        printf(" + %s", format_duration_ms((last_us - first_us) / 1000, within));
}

/* A run of segments of one kind that follow each other. */
static void print_segments(const struct segment_info *s, size_t count)
{
    const struct segment_info *last = &s[count - 1];
    uint64_t bytes = last->start_offset + last->raw_bytes - s->start_offset;
    char size[FORMAT_SIZE];

    printf("      %-9s %10s  %s", segment_kind_name(s->kind), format_size(bytes, size), s->name);
    print_received(s->first_time_us, last->last_time_us);
    if (s->kind != SEGMENT_SNAPSHOT && last->next_lsn > s->start_lsn)
        printf("  LSN %" PRIu64 "-%" PRIu64, s->start_lsn, last->next_lsn - 1);
    if (count > 1)
        printf("  (%zu segments, to %s)", count, strrchr(last->name, '/') + 1);
    puts(last->sealed ? "" : "  open");
}

static void print_flow_segments(const struct capture_flow *f, bool all)
{
    size_t end;

    for (size_t i = 0; i < f->segment_count; i = end) {
        for (end = i + 1; end < f->segment_count; end++) {
            if (f->segments[end].kind != f->segments[i].kind)
                break;
        }
        if (all || end - i <= SEGMENTS_APART)
            end = i + 1;
        print_segments(&f->segments[i], end - i);
    }
}

static void print_flow(const struct capture_flow *f, uint32_t number, bool bytes, bool all_segments)
{
    char size[FORMAT_SIZE];

    printf("    flow %-3" PRIu32 " %12s", number, format_size(f->raw_bytes, size));
    if (f->stable_lsn == 0) {
        puts("  the snapshot is not complete");
    } else if (f->next_lsn == f->stable_lsn) {
        printf("  snapshot at LSN %" PRIu64 ", no record after it\n", f->stable_lsn - 1);
    } else {
        printf("  snapshot at LSN %" PRIu64 ", %" PRIu64 " %s%s after it up to LSN %" PRIu64 "\n",
               f->stable_lsn - 1, f->next_lsn - f->stable_lsn, bytes ? "byte" : "record",
               plural(f->next_lsn - f->stable_lsn), f->next_lsn - 1);
    }
    print_flow_segments(f, all_segments);
}

/* It came from outside: nothing in it may reach the terminal as it is. */
static const char *shown_version(const char *version, char *out, size_t size)
{
    return version[0] == '\0' ? "(no version)" : bytes_escape(bytes_str(version), out, size);
}

/* bytes: LSNs count them. */
static void print_generation(const struct generation *g, bool bytes, bool all_segments)
{
    char began[FORMAT_TIME];
    char version[4 * sizeof(g->source_version)];

    printf("  generation %" PRIu32 ": %s, began %s\n", g->id, generation_state_name(g->state),
           format_time_us(g->began_us, began));
    printf("    source     %s, replication id %s",
           shown_version(g->source_version, version, sizeof(version)), g->replication_id);
    if (g->protocol != 0)
        printf(", protocol %d", g->protocol);
    putchar('\n');
    if (g->state == GENERATION_COMPLETE && g->flow_count > 1) {
        printf("    sharding   %s\n",
               g->sharding == SHARDING_UNKNOWN ? "not known" : sharding_rule_name(g->sharding));
    }
    if (g->resumptions != 0)
        printf("    resumed    %" PRIu32 " %s\n", g->resumptions,
               g->resumptions == 1 ? "time" : "times");
    if (g->ended_by[0] != '\0')
        printf("    ended by   %s\n", g->ended_by);
    if (g->state == GENERATION_ABANDONED)
        return;
    for (uint32_t i = 0; i < g->flow_count; i++)
        print_flow(&g->flows[i], i, bytes, all_segments);
}

static void print_capture(const struct capture *c, bool all_segments)
{
    char created[FORMAT_TIME];
    char id[2 * CAPTURE_ID_SIZE + 1];

    bytes_to_hex(bytes_of(c->id, CAPTURE_ID_SIZE), id);
    printf("capture of %s, created %s, id %s\n", c->source_address,
           format_time_us(c->created_us, created), id);
    for (size_t i = 0; i < c->generation_count; i++)
        print_generation(&c->generations[i], c->redis, all_segments);
}

/* A Valkey's version says who it is. */
static const char *writer_of(const struct source_info *info)
{
    if (strncmp(info->version, "valkey-", 7) == 0)
        return "";
    return info->dragonfly ? "Dragonfly " : "Redis ";
}

static void print_source(const struct source *s)
{
    const struct source_info *info = &s->info;
    char saved[FORMAT_TIME];
    char version[4 * sizeof(info->version)];

    printf("%s %s: ", source_kind_name(s), s->path);
    if (info->rdb_version == 0)
        printf("commands without an RDB in front");
    else
        printf("RDB version %u, written by %s%s", info->rdb_version, writer_of(info),
               shown_version(info->version, version, sizeof(version)));
    if (info->ctime_s != 0)
        printf(", saved %s", format_time_us(info->ctime_s * 1000000, saved));
    printf(", %" PRIu32 " %s\n", s->stream_count, s->stream_count == 1 ? "file" : "files");
}

static void print_db(const struct census_db *db)
{
    for (unsigned class = 0; class < VALUE_CLASS_COUNT; class ++) {
        char size[FORMAT_SIZE];

        if (db->keys[class] != 0) {
            printf("    db %-4" PRIu32 " %-14s %12" PRIu64 "  %12s\n", db->db,
                   value_class_name((enum value_class) class), db->keys[class],
                   format_size(db->bytes[class], size));
        }
    }
}

/* A title, and a line for each count that is not zero. */
static void print_counts(const char *title, const uint64_t *counts, unsigned n,
                         const char *(*name)(unsigned i))
{
    for (unsigned i = 0; i < n; i++) {
        if (counts[i] != 0) {
            printf("    %-7s %-18s %8" PRIu64 "\n", title, name(i), counts[i]);
            title = "";
        }
    }
}

static void print_keys(const struct census *c)
{
    char size[FORMAT_SIZE];

    printf("  keys: %" PRIu64 ", %s of values", c->keys, format_size(c->bytes, size));
    if (c->keys != 0) {
        printf("; the largest has %s: %" PRIu32 "/", format_size(c->largest_bytes, size),
               c->largest_db);
        quoting_print(stdout, buf_bytes(&c->largest_key), KEY_SHOWN);
    }
    putchar('\n');
    for (size_t i = 0; i < c->db_count; i++)
        print_db(&c->dbs[i]);
    print_counts("ttl", c->ttls, CENSUS_TTL_COUNT, census_ttl_name);
    print_counts("size", c->sizes, CENSUS_SIZE_COUNT, census_size_name);
    print_counts("stored", c->types, RDB_TYPE_COUNT, rdb_type_name);
}

static void print_census(const struct census *c)
{
    print_keys(c);
    if (c->functions != 0 || c->scripts != 0)
        printf("  functions: %" PRIu64 ", scripts: %" PRIu64 "\n", c->functions, c->scripts);
    if (c->records != 0 || c->records_in_snapshot != 0) {
        printf("  journal: %" PRIu64 " command%s, %" PRIu64 " of them inside the full sync\n",
               c->records + c->records_in_snapshot, plural(c->records + c->records_in_snapshot),
               c->records_in_snapshot);
    }
}

void inspect_print(const struct source *source, const struct capture *capture,
                   const struct census *census, bool all_segments)
{
    if (capture != NULL)
        print_capture(capture, all_segments);
    else if (source != NULL)
        print_source(source);
    if (census != NULL) {
        if (capture != NULL)
            printf("census of generation %" PRIu32 "\n", source->generation);
        print_census(census);
    }
}
