/*
 * dump.h - payloads of DUMP and RESTORE, both ways.
 *
 *   payload := type(1) value LE16 rdb_version LE64 crc64(everything before)
 *
 * What it is   Parsing checks the CRC and that the value ends exactly where it should, so that what
 *              dump_parse accepts can be walked. Making uses the recoder: the one place that knows
 *              what a target reads.
 * Source       redis src/cluster.c createDumpPayload (7.2); dragonfly src/server/rdb_save.cc
 *              (version 9 whatever the type); keydb src/cluster.cpp (6.3: AUX fields after the value).
 */
#ifndef FLOWTAPE_ITEM_DUMP_H
#define FLOWTAPE_ITEM_DUMP_H

#include "item/recode.h"

#define DUMP_FOOTER_SIZE 10

struct dump {
    uint8_t type; /* enum rdb_type; Dragonfly's old JSON number already translated */
    unsigned rdb_version;
    struct bytes value; /* within the payload */
};

/*
 * dump_parse - FT_ERR_CORRUPT: too short, wrong CRC, a value that ends early or late.
 * FT_ERR_UNSUPPORTED: a type byte we do not know. Type 20 is a set from RDB version 10 on and
 * Dragonfly's JSON (up to 1.14) below.
 */
int dump_parse(struct bytes payload, struct dump *ret, struct ft_err *err);

/*
 * dump_make - append the payload that the target restores as this entry's value (type and value;
 * key and times are not in a payload). Results and *ret_loss as recoder_run has them; nothing is
 * appended unless RECODE_OK.
 */
enum recode_result dump_make(struct recoder *r, const struct target *target,
                             const struct rdb_entry *entry, int64_t now_ms, struct buf *out,
                             enum loss_reason *ret_loss, struct ft_err *err);

/* dump_append - type, value, version and CRC as given. */
int dump_append(struct buf *out, uint8_t type, struct bytes value, unsigned rdb_version,
                struct ft_err *err);

#endif
