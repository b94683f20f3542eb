#include "status/status.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsutil.h"

#define AT(field) offsetof(struct status, field)

static const struct status_number numbers[] = {
    {"received_bytes", "received_bytes_total", "Bytes received from the source", STATUS_COUNTER,
     false, AT(received_bytes)},
    {"received_keys", "received_keys", "Keys of the newest snapshot received from the source",
     STATUS_GAUGE, false, AT(received_keys)},
    {"received_records", "received_records_total", "Journal records received from the source",
     STATUS_COUNTER, false, AT(received_records)},
    {"sessions", "sessions_total", "Sessions with the source, each a connection", STATUS_COUNTER,
     false, AT(sessions)},
    {"sent_bytes", "sent_bytes_total", "Bytes sent to the target or to replicas", STATUS_COUNTER,
     false, AT(sent_bytes)},
    {"applied_keys", "applied_keys_total", "Keys of snapshots sent to the target", STATUS_COUNTER,
     false, AT(applied_keys)},
    {"applied_records", "applied_records_total", "Journal records applied, or put into the stream",
     STATUS_COUNTER, false, AT(applied_records)},
    {"retries", "retries_total", "New attempts after an error of the target", STATUS_COUNTER, false,
     AT(retries)},
    {"suspects", "suspect_keys", "Keys whose state does not follow from the journal", STATUS_GAUGE,
     false, AT(suspects)},
    {"losses", "losses_total", "Things that the target cannot hold", STATUS_COUNTER, false,
     AT(losses)},
    {"notes", "loss_notes_total", "Losses that do no harm", STATUS_COUNTER, false,
     AT(notes_of_losses)},
    {"lag_records", "lag_records", "Records received and not applied yet, or not durable yet",
     STATUS_GAUGE, false, AT(lag_records)},
    {"lag_bytes", "lag_bytes",
     "Bytes of replication received and not applied yet, or not durable yet", STATUS_GAUGE, false,
     AT(lag_bytes)},
    {"lag_ms", "lag_seconds", "Age of the oldest of them", STATUS_GAUGE, true, AT(lag_ms)},
    {"replicas", "replicas", "Replicas that get the stream", STATUS_GAUGE, false, AT(replicas)},
    {"replicas_syncing", "replicas_syncing", "Replicas that get a state", STATUS_GAUGE, false,
     AT(replicas_syncing)},
    {"full_syncs", "full_syncs_total", "States sent to replicas", STATUS_COUNTER, false,
     AT(full_syncs)},
    {"stream_offset", "stream_offset_bytes", "End of the replication stream", STATUS_GAUGE, false,
     AT(stream_offset)},
    {"dir_bytes", "directory_bytes", "Size of the capture directory", STATUS_GAUGE, false,
     AT(dir_bytes)},
    {"disk_free_bytes", "disk_free_bytes", "Free space of its file system", STATUS_GAUGE, false,
     AT(disk_free_bytes)},
    {"disk_total_bytes", "disk_size_bytes", "Size of its file system", STATUS_GAUGE, false,
     AT(disk_total_bytes)},
};

#define NUMBER_COUNT (sizeof(numbers) / sizeof(numbers[0]))

const struct status_number *status_numbers(size_t *ret_count)
{
    *ret_count = NUMBER_COUNT;
    return numbers;
}

static uint64_t *number_at(struct status *s, const struct status_number *n)
{
    return (uint64_t *)(void *)((char *)s + n->offset);
}

uint64_t status_number_of(const struct status *s, const struct status_number *n)
{
    uint64_t value;

    memcpy(&value, (const char *)s + n->offset, sizeof(value));
    return value;
}

void status_init(struct status *s, const char *command)
{
    *s = (struct status){.command = command, .pid = (uint64_t)getpid(), .now_us = clock_wall_us()};
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        *number_at(s, &numbers[i]) = STATUS_NONE;
}

void status_release(struct status *s)
{
    free(s->flows);
    free(s->notes);
    s->flows = NULL;
    s->flow_count = 0;
    s->notes = NULL;
    s->note_count = 0;
}

bool status_flows(struct status *s, uint32_t count)
{
    free(s->flows);
    s->flows = calloc(count + 1u, sizeof(*s->flows));
    s->flow_count = s->flows == NULL ? 0 : count;
    return s->flows != NULL;
}

static void add_lag(uint64_t *sum, uint64_t lag)
{
    if (lag != STATUS_NONE)
        *sum = lag + (*sum == STATUS_NONE ? 0 : *sum);
}

void status_sum_lags(struct status *s)
{
    s->lag_records = s->lag_bytes = STATUS_NONE;
    s->lag_ms = 0;
    for (uint32_t i = 0; i < s->flow_count; i++) {
        add_lag(&s->lag_records, s->flows[i].lag_records);
        add_lag(&s->lag_bytes, s->flows[i].lag_bytes);
        if (s->flows[i].lag_ms > s->lag_ms)
            s->lag_ms = s->flows[i].lag_ms;
    }
}

void status_disk(struct status *s)
{
    struct statvfs fs;

    if (s->directory[0] == '\0' || statvfs(s->directory, &fs) != 0)
        return;
    s->dir_bytes = fs_tree_bytes(s->directory);
    s->disk_free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    s->disk_total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
}
