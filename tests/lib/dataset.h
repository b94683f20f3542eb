/*
 * dataset.h - a data set as JSON: read from a state.json of a recording or from a live server
 * through ordinary commands, and compared by meaning.
 *
 * Shape    { "db/key": { "type": TEXT, "value": ..., "expire_ms": N } }
 *            string  TEXT                    list  [TEXT, ...]
 *            set     [TEXT, ...] sorted      hash  { field: TEXT }
 *            zset    [[member, score TEXT], ...]
 *            stream  { "entries": [[id, [TEXT, ...]], ...], "meta": { name: N or TEXT },
 *                      "groups": [{ "name", "last", "pending": [[id, consumer, count]],
 *                                   "consumers": [TEXT, ...] }] }
 *            else    "unread:TYPE"
 * Text     As it is when it is UTF-8 without control characters, else "b64:" and base64. Files may
 *          draw that line elsewhere; dataset_load brings them to this form.
 */
#ifndef FLOWTAPE_TESTS_LIB_DATASET_H
#define FLOWTAPE_TESTS_LIB_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>
#include <jansson.h>

#include "base/bytes.h"

#define DATASET_DBS 16

struct dataset_rules {
    int64_t ttl_slack_ms;
    bool skip_lossy;         /* keys that are JSON or "unread:" on the left are left out */
    bool old_streams;        /* as saved before 1.26: see dataset_diff */
    bool any_stream_ids;     /* compare contents of stream entries and names of groups only */
    json_t *ignore;          /* an object whose names are left out; may be NULL */
    const char *skip_prefix; /* keys on the right (behind "db/") that begin so are left out */
    json_t *other;           /* a key may also be as in here; may be NULL */
    size_t limit;            /* differences printed */
};

/* dataset_connect - "PORT", "HOST:PORT" or "unix:PATH". NULL after a message on stderr. */
redisContext *dataset_connect(const char *target);
/* dataset_load - NULL after a message on stderr. */
json_t *dataset_load(const char *path);
/* dataset_name - the name of a key in a set; "db/b64:..." has its mark behind the slash. To be freed. */
char *dataset_name(unsigned db, struct bytes key);
/* dataset_text - bytes as a text of a set, to be freed. */
char *dataset_text(struct bytes b);
/* dataset_bytes - what a text of a set stands for, in memory to be freed. */
struct bytes dataset_bytes(const char *text);
/* dataset_dump - the databases of `dbs`; with `cluster` db 0 of all masters. NULL as above. */
json_t *dataset_dump(const char *target, const bool dbs[DATASET_DBS], bool cluster);
/* dataset_prefix - keys of db N > 0 become "dbN:key" of db 0. A new reference. */
json_t *dataset_prefix(json_t *set);
/*
 * dataset_diff - prints differences to stdout; returns how many keys differ. Releases before 1.26
 * save streams without entries-added and max-deleted-entry-id, and each group with the stream's last
 * id instead of its own: with old_streams that counts as equal.
 */
size_t dataset_diff(json_t *a, json_t *b, const struct dataset_rules *rules);

#endif
