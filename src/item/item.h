/*
 * item.h - the pivot: what sources deliver and sinks take.
 *
 * What it is   One key with its value (as struct rdb_entry: the value stays serialised), one journal
 *              record, or something about the stream itself. Everything between a source and a sink
 *              is one of these, so that N sources and M sinks need no N x M converters.
 * Lifetime     Everything inside is borrowed and valid until the next call on its producer.
 */
#ifndef FLOWTAPE_ITEM_ITEM_H
#define FLOWTAPE_ITEM_ITEM_H

#include "journal/journal_reader.h"
#include "rdb/rdb_stream.h"

enum item_kind {
    ITEM_ENTRY,        /* rdb.entry */
    ITEM_COMMAND,      /* record */
    ITEM_AUX,          /* rdb.name, rdb.bytes */
    ITEM_FUNCTION,     /* rdb.bytes */
    ITEM_MODULE_AUX,   /* rdb.name */
    ITEM_SNAPSHOT_END, /* the RDB stream is complete, token included; lsn: the next one (0: none) */
    ITEM_OTHER,        /* of interest to a packet dump only; rdb.kind or record.op says what */
};

struct item {
    enum item_kind kind;
    uint32_t flow;
    uint64_t offset;  /* in the flow's stream, or in the file */
    uint64_t time_us; /* when it was received or, for files, saved */
    uint64_t lsn;     /* COMMAND: its LSN; 0 for a record inside a full sync */
    bool is_record;   /* `record` is meant, else `rdb` */
    struct rdb_item rdb;
    struct journal_record record;
};

/* item_entry, item_command - what the item is, or NULL: something else. For who looks for one of them only; who
 * has something to do with each kind is a sink (pump/item_sink.h). */
static inline const struct rdb_entry *item_entry(const struct item *item)
{
    return item->kind == ITEM_ENTRY ? &item->rdb.entry : NULL;
}

static inline const struct journal_record *item_command(const struct item *item)
{
    return item->kind == ITEM_COMMAND ? &item->record : NULL;
}

#endif
