#include "output/sink_resp.h"

#include <stdlib.h>

#include "input/repeated_keys.h"
#include "item/entry_commands.h"
#include "item/entry_loss.h"
#include "item/touched.h"
#include "output/record_writer.h"

struct resp_form {
    const struct conversion *c;
    struct resp_file file;
    struct record_writer records;
    struct entry_commands *entries;
    struct translator *translator;
    struct hash_log *keys; /* of the snapshot, that were written */
    struct hash_log_batch key_batch;
    uint32_t db; /* of the entry that is being written */
    /* by records inside the full sync of this flow; NULL: none yet */
    struct touched *touched;
    uint32_t flow;
};

/* The records of another flow's full sync say nothing of this one's keys. */
static void see_flow(struct resp_form *f, uint32_t flow)
{
    if (flow == f->flow)
        return;
    touched_free(f->touched);
    f->touched = NULL;
    f->flow = flow;
}

static int put_args(void *context, const struct bytes *args, size_t count, struct ft_err *err)
{
    struct resp_form *f = context;

    return resp_file_put(&f->file, f->db, args, count, err);
}

static int count_entry(struct resp_form *f, const struct rdb_entry *entry,
                       enum recode_result result, struct ft_err *err)
{
    if (result == RECODE_EMPTY)
        f->c->result->emptied++;
    if (result != RECODE_OK)
        return 0;
    if (!entry_is_over(entry, f->c->now_ms) &&
        key_log_add(f->keys, &f->key_batch, entry->db, entry->key, err) != 0)
        return -1;
    f->c->result->keys++;
    f->c->result->expires += entry->expire_ms != RDB_NO_EXPIRY;
    return entry_add_notes(f->c->losses, entry, f->c->options->target, true, err);
}

static int take_entry(void *context, const struct item *item, struct ft_err *err)
{
    const struct rdb_entry *entry = &item->rdb.entry;
    struct resp_form *f = context;
    enum loss_reason loss = LOSS_NONE;
    enum recode_result result;
    bool replace;

    see_flow(f, item->flow);
    replace = f->touched != NULL && touched_may(f->touched, entry->db, entry->key);
    if (f->c->suspects != NULL &&
        suspect_add_entry(f->c->suspects, source_journal_release(f->c->source), item, err) != 0)
        return -1;
    f->db = entry->db;
    result = entry_commands_run(f->entries, entry, convert_moment_ms(f->c, item), replace, put_args,
                                f, &loss, err);
    if (result == RECODE_ERROR || entry_add_loss(f->c->losses, entry, loss, err) != 0)
        return -1;
    return count_entry(f, entry, result, err);
}

static int note_touched(struct resp_form *f, const struct translation *t, struct ft_err *err)
{
    if (f->touched == NULL && touched_new(&f->touched, TOUCHED_UNKNOWN, err) != 0)
        return -1;
    for (size_t i = 0; i < t->key_count; i++)
        touched_add(f->touched, t->keys[i].db, t->keys[i].key);
    return 0;
}

/* One inside the full sync stands at its place between the entries. */
static int take_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct resp_form *f = context;

    if (item->lsn == 0) {
        see_flow(f, item->flow);
        if (note_touched(f, t, err) != 0)
            return -1;
    }
    return record_writer_put(&f->records, item, t, err);
}

static int take_script(void *context, const struct item *item, struct bytes body,
                       struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("SCRIPT"), bytes_str("LOAD"), body};
    struct resp_form *f = context;

    (void)item;
    return resp_file_put(&f->file, RESP_FILE_ANY_DB, args, 3, err);
}

static int take_function(void *context, const struct item *item, struct bytes code,
                         struct ft_err *err)
{
    const struct bytes args[] = {bytes_str("FUNCTION"), bytes_str("LOAD"), bytes_str("REPLACE"),
                                 code};
    struct resp_form *f = context;

    (void)item;
    return resp_file_put(&f->file, RESP_FILE_ANY_DB, args, 4, err);
}

static int take_loss(void *context, enum loss_reason reason, const char *class_name, uint32_t db,
                     struct bytes key, struct ft_err *err)
{
    struct resp_form *f = context;

    return loss_add(f->c->losses, reason, class_name, db, key, err);
}

static int finish(void *context, struct ft_err *err)
{
    struct resp_form *f = context;

    if (hash_log_flush(f->keys, &f->key_batch, err) != 0 ||
        repeated_keys_refuse(f->c->source, f->keys, err) != 0 ||
        convert_check_losses(f->c, err) != 0)
        return -1;
    return resp_file_finish(&f->file, err);
}

/* What it has brought is told in any case: standard output has it. */
static void release(void *context)
{
    struct resp_form *f = context;

    f->c->result->commands = f->file.commands;
    f->c->result->bytes_out = resp_file_written(&f->file);
    f->c->result->databases = f->file.databases.needed;
    resp_file_release(&f->file);
    entry_commands_free(f->entries);
    hash_log_free(f->keys);
    translator_free(f->translator);
    touched_free(f->touched);
}

static int prepare(struct resp_form *f, struct ft_err *err)
{
    const struct conversion *c = f->c;
    const struct convert_options *o = c->options;
    const struct entry_commands_options entries = {
        .target = o->target, .json_as = o->json_as, .restore = o->restore};

    f->records = (struct record_writer){.file = &f->file, .losses = c->losses};
    if (key_log_new(&f->keys, err) != 0 || entry_commands_new(&f->entries, &entries, err) != 0 ||
        journal_translator_new(&f->translator, c->source, o->target, o->json_as, err) != 0)
        return -1;
    translator_set_moment(f->translator, cut_moment_ms(o->cut, 0));
    if (resp_file_open(&f->file, c->output, err) != 0)
        return -1;
    f->file.databases.limit = o->databases;
    f->file.guards = true;
    return 0;
}

static int run(const struct conversion *c, struct ft_err *err)
{
    struct resp_form f = {.c = c};
    const struct item_sink sink = {.context = &f,
                                   .entry = take_entry,
                                   .record = take_record,
                                   .script = take_script,
                                   .function = take_function,
                                   .loss = take_loss,
                                   .finish = finish,
                                   .free = release};
    struct pump_options how = {.suspects = c->suspects, .losses = c->losses};

    if (prepare(&f, err) != 0) {
        release(&f);
        return -1;
    }
    how.translator = f.translator;
    return convert_sequence(c, &sink, &how, err);
}

const struct output_form sink_resp = {
    .name = "resp",
    .help = "commands for redis-cli --pipe (OUTPUT \"-\": standard\noutput)",
    .to_stdout = true,
    .restores = true,
    .run = run,
};
