/* What has no place in Redis, or no keys. */
#include "command/rewrite_other.h"

/* Up to this release FT.DROPINDEX deletes no documents, whatever its options. */
#define DROP_KEEPS_DOCUMENTS_RELEASE 134u

/*
 * Also where the target has commands of the same name: they keep their counts by other hash
 * functions, and the values of the snapshot could not be carried.
 */
void rewrite_probabilistic(struct rewrite *rw)
{
    static const struct {
        const char *prefix, *class_name;
    } classes[] = {{"BF.", "sbf"}, {"CF.", "cuckoo"}, {"CMS.", "cms"}, {"TOPK.", "topk"}};
    const char *class_name = rw->row->name;

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strncmp(rw->row->name, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            class_name = classes[i].class_name;
    }
    rewrite_loss(rw, LOSS_PROBABILISTIC, class_name,
                 "Dragonfly's probabilistic types use hash functions of their own");
}

void rewrite_throttle(struct rewrite *rw)
{
    rewrite_loss(rw, LOSS_COMMAND, rw->row->name,
                 "its effect depends on the source's clock and is not in the journal");
}

static bool has_search(const struct rewrite *rw)
{
    return (rw->options->target->modules & TARGET_SEARCH) != 0;
}

/*
 * FT.DROPINDEX index DD: the source deletes the documents of the index and journals no DEL for them. Which
 * these are only the index knows, and what the target has under that name was not filled from the same
 * writes.
 */
static void drop_with_documents(struct rewrite *rw)
{
    if (has_search(rw)) {
        rewrite_begin(rw, rw->row->name);
        rewrite_put(rw, rw->args[1]);
    }
    rewrite_loss(rw, LOSS_COMMAND, rw->row->name,
                 "the documents of the index, which the source deletes without a journal record");
}

static bool drops_documents(const struct rewrite *rw)
{
    return rewrite_is(rw, 0, "FT.DROPINDEX") && rewrite_is(rw, 2, "DD") &&
           !rewrite_source_up_to(rw, DROP_KEEPS_DOCUMENTS_RELEASE);
}

void rewrite_search(struct rewrite *rw)
{
    if (drops_documents(rw)) {
        drop_with_documents(rw);
        return;
    }
    if (has_search(rw)) {
        rewrite_as_is(rw);
        rewrite_note(rw, "journalled on every flow, applied once");
        return;
    }
    rewrite_loss(rw, LOSS_NOTE_SEARCH_INDEX, rw->row->name, "the target has no search indices");
}

/* SCRIPT LOAD body, SCRIPT FLAGS sha ... */
void rewrite_script_command(struct rewrite *rw)
{
    if (rewrite_is(rw, 1, "LOAD") && rw->count == 3)
        rewrite_as_is(rw);
    else if (rewrite_is(rw, 1, "FLAGS"))
        rewrite_nothing(rw, "flags of a script have no meaning in Redis");
    else
        rewrite_malformed(rw, "SCRIPT with unknown arguments");
}

void rewrite_shrink(struct rewrite *rw)
{
    rewrite_nothing(rw, "gives memory back, changes no value");
}

/* JSON.MSET that stored nothing is journalled as a command of this name. */
void rewrite_ping(struct rewrite *rw)
{
    rewrite_nothing(rw, "stands for a command without effect");
}
