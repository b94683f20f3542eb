#include "replay/report/replay_counters.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define AT(field)         offsetof(struct replay_result, field)
#define LIVE(unit, field) (unit), offsetof(struct replay_progress, field)
#define AT_THE_END        NULL, 0

static const struct replay_counter counters[] = {
    {"keys", NULL, "keys of snapshot streams that are complete", REPLAY_COUNTER_SUM, AT(keys),
     LIVE("keys", keys)},
    {"keys_not_done", "keys of snapshots that are not complete, sent",
     "keys of snapshot streams that are sent again by the next run", REPLAY_COUNTER_LAST,
     AT(keys_not_done), AT_THE_END},
    {"records", NULL, "records of the journal applied", REPLAY_COUNTER_SUM, AT(records),
     LIVE("records", records)},
    {"in_full_sync", "records inside the full sync", "records inside the full sync, applied",
     REPLAY_COUNTER_SUM, AT(in_sync), AT_THE_END},
    {"filtered", "left out by filters", "entries and records left out by filters",
     REPLAY_COUNTER_SUM, AT(filtered), AT_THE_END},
    {"kept", NULL, "keys of the target that are left as they were", REPLAY_COUNTER_LAST, AT(kept),
     AT_THE_END},
    {"conflicts", "left out for keys that were there before",
     "entries and records left out for keys that were there before", REPLAY_COUNTER_SUM,
     AT(conflicts), AT_THE_END},
    {"foreign", "records for keys of other flows", "records left out: another flow owns their keys",
     REPLAY_COUNTER_SUM, AT(journal.foreign), AT_THE_END},
    {"repeated", "records that come once per flow",
     "records left out: copies of what flow 0 brings", REPLAY_COUNTER_SUM, AT(journal.repeated),
     AT_THE_END},
    {"flushes", NULL, "flushes executed", REPLAY_COUNTER_SUM, AT(journal.flushes), AT_THE_END},
    {"not_applied", "not applied, after a flush that not all flows have",
     "records after a flush that not all flows have", REPLAY_COUNTER_LAST,
     AT(journal.after_partial_flush), AT_THE_END},
    {"awaiting_slot", "not applied, after one for a slot that another node had",
     "records after one for a slot that another node has not given up", REPLAY_COUNTER_LAST,
     AT(journal.after_foreign_slot), AT_THE_END},
    {"given_up_nodes", "nodes that gave up slots, of which keys may not be there yet",
     "nodes that gave up slots, whose keys may lie behind the end of what is there",
     REPLAY_COUNTER_LAST, AT(journal.given_up_nodes), AT_THE_END},
    {"expected_errors", "refused as they will have been at the source",
     "errors that the source will have had too", REPLAY_COUNTER_SUM, AT(expected_errors),
     AT_THE_END},
    {"doubtful_errors", "refused for keys that are suspect or were left out",
     "errors on keys that are suspect or were left out", REPLAY_COUNTER_SUM, AT(doubtful_errors),
     AT_THE_END},
    {"refused", "refused", "commands that the target refused", REPLAY_COUNTER_SUM, AT(failed),
     AT_THE_END},
    {"deleted", "keys deleted before the snapshot",
     "keys deleted before the snapshot: of the journal, of an older generation", REPLAY_COUNTER_SUM,
     AT(deleted), AT_THE_END},
    {"overdue", "keys deleted as they had expired", "keys deleted at the end, which had expired",
     REPLAY_COUNTER_SUM, AT(overdue), AT_THE_END},
    {"unconfirmed_replicas", "replicas that have not confirmed everything",
     "replicas of the target that have not confirmed everything at the end", REPLAY_COUNTER_LAST,
     AT(unconfirmed_replicas), AT_THE_END},
    {"retries", "new attempts", "new attempts after an error", REPLAY_COUNTER_SUM, AT(retries),
     LIVE("retries", retries)},
    {"redirects", "of these as slots had moved", "new attempts because slots had moved",
     REPLAY_COUNTER_SUM, AT(redirects), AT_THE_END},
    {"resent", "commands sent again, as slots were moving or a node was busy",
     "commands of the snapshot sent again", REPLAY_COUNTER_SUM, AT(resent), AT_THE_END},
    {"bytes", NULL, "bytes sent to the target", REPLAY_COUNTER_SUM, AT(bytes), LIVE("", bytes)},
    {"elapsed_ms", NULL, "milliseconds", REPLAY_COUNTER_SUM, AT(elapsed_ms), AT_THE_END},
    {"lag", NULL, "records of the journal not applied yet, or bytes of that of a Redis",
     REPLAY_COUNTER_NOW, 0, LIVE("records to apply", lag)},
};

_Static_assert(sizeof(counters) / sizeof(counters[0]) <= REPLAY_COUNTERS_MAX, "see the header");

const struct replay_counter *replay_counters(size_t *ret_count)
{
    *ret_count = sizeof(counters) / sizeof(counters[0]);
    return counters;
}

uint64_t replay_counter_get(const struct replay_counter *c, const struct replay_result *r)
{
    uint64_t value;

    assert(c->kind != REPLAY_COUNTER_NOW);
    memcpy(&value, (const char *)r + c->offset, sizeof(value));
    return value;
}

uint64_t replay_counter_live(const struct replay_counter *c, const struct replay_progress *p)
{
    const void *at = (const char *)p + c->live;

    assert(c->unit != NULL);
    return atomic_load((const atomic_uint_fast64_t *)at);
}

void replay_counters_add(struct replay_result *later, const struct replay_result *before)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        const struct replay_counter *c = &counters[i];
        uint64_t sum;

        if (c->kind != REPLAY_COUNTER_SUM)
            continue;
        sum = replay_counter_get(c, later) + replay_counter_get(c, before);
        memcpy((char *)later + c->offset, &sum, sizeof(sum));
    }
}
