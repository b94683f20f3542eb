/*
 * record_writer.h - journal records, already translated, as commands in a file.
 *
 * What it is   Decides per record: nothing to do, lost (into the report), or its commands, with what removes a key
 *              that is replaced by one which was left out (command/left_out.h). Only for standalone
 *              targets: what would need values read by a client is a loss.
 * Slots        DFLYCLUSTER FLUSHSLOTS becomes a script that walks over database 0.
 */
#ifndef FLOWTAPE_OUTPUT_RECORD_WRITER_H
#define FLOWTAPE_OUTPUT_RECORD_WRITER_H

#include "command/translate.h"
#include "item/item.h"
#include "output/resp_file.h"

struct record_writer {
    struct resp_file *file;
    struct loss_report *losses;
};

/* record_writer_put - in the item's record.dbid. */
int record_writer_put(struct record_writer *w, const struct item *item, const struct translation *t,
                      struct ft_err *err);

#endif
