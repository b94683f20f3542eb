/*
 * translate.h - a journalled command becomes what the target understands.
 *
 * What it is   command_table.h says per command what happens; a struct translator holds what that
 *              depends on (target, cluster or not, how JSON is carried) and the memory of results.
 * Times        Relative times become absolute with the time at which the record was received, so
 *              that the same record gives the same arguments whenever it is translated. Like the master
 *              no time to live is taken for longer than TRANSLATE_TTL_MAX_MS.
 * Ids          XADD with `*` (dragonfly up to 1.26 journals it unresolved) gets its id from the
 *              receive time, or the next one after the stream's last id; the key is suspect, as
 *              the source's own id is not in the stream.
 * Lifetime     A struct translation borrows arguments of the record and memory of the translator. It is
 *              valid until the next translator_run and as long as the record's arguments are.
 * Threads      A translator belongs to one thread.
 */
#ifndef FLOWTAPE_COMMAND_TRANSLATE_H
#define FLOWTAPE_COMMAND_TRANSLATE_H

#include "command/translation.h"

struct translator;

int translator_new(struct translator **ret, const struct translator_options *options,
                   struct ft_err *err);
/* translator_set_moment - moment_ms of the options, from the next record on. */
void translator_set_moment(struct translator *t, int64_t moment_ms);
/*
 * translator_run - args[0] is the command's name. FT_ERR_CORRUPT: a RESTORE whose payload is
 * damaged, a record without arguments. FT_ERR_NOMEM.
 */
int translator_run(struct translator *t, const struct bytes *args, size_t count, uint32_t db,
                   int64_t received_ms, struct translation *ret, struct ft_err *err);
/*
 * translator_find_keys - only the keys of a record, e.g. to rename them before it is translated
 * (keys[i].arg says where they are). Suspicion is not looked at. Valid like a translation.
 */
int translator_find_keys(struct translator *t, const struct bytes *args, size_t count, uint32_t db,
                         const struct translation_key **ret_keys, size_t *ret_count,
                         struct ft_err *err);
void translator_free(struct translator *t);

#endif
