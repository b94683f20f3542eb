/*
 * entry_digest.h - a key as a client sees it, in 56 bytes: enough to tell whether two copies of it are equal,
 * and in what they differ.
 *
 * What it is   What "equal" means is written in doc/diff.md, row by row. The value is that of
 *              rdb/value_digest.h; its times and the state of a stream are apart from it, so that a
 *              difference can be named (enum difference), and times may be nearly the same.
 * Use          1. entry_digester_run for every key of both sides, with the same now_ms, under the name that the key
 *                 has on the target (entry_digest.key is key_set_hash of that database and name).
 *              2. entry_digest_compare of the two with one key. Only one side has it: DIFFERENCE_ONLY_A, _ONLY_B.
 *              3. If entry_digest_is_unsure says so of a difference, only the values tell: entry_compare.h.
 *              A key of which nothing is left by now_ms (`gone`) counts as one that is not there.
 * Losses       Where the target cannot hold all of A's value, entry_for_target makes of it what it can hold, before it
 *              is digested or compared; entry_digest.loss is for what it says is lost, and gone if that is all of it.
 * Threads      A digester belongs to one thread. A digest may be copied, spilled and read back.
 */
#ifndef FLOWTAPE_AUDIT_ENTRY_DIGEST_H
#define FLOWTAPE_AUDIT_ENTRY_DIGEST_H

#include "item/key_set.h"
#include "item/recode.h"
#include "rdb/value_digest.h"

/* In what two copies of a key differ: the first of these that does. */
enum difference {
    DIFFERENCE_NONE,
    DIFFERENCE_ONLY_A, /* B has no such key */
    DIFFERENCE_ONLY_B,
    DIFFERENCE_TYPE,
    DIFFERENCE_VALUE,
    DIFFERENCE_STREAM, /* all but the entries: ids, counters, groups, consumers, what is pending */
    DIFFERENCE_TIME,   /* of the key, or of fields or members */
};
#define DIFFERENCE_COUNT 7

/* difference_name - "only-in-a", "only-in-b", "type", "value", "stream", "time"; "equal". */
const char *difference_name(enum difference d);

struct entry_digest {
    uint8_t key[KEY_SET_HASH_SIZE];
    struct value_digest value;
    uint64_t extra;    /* times of members, or the state of a stream */
    int64_t expire_ms; /* RDB_NO_EXPIRY: none */
    uint32_t db;
    uint8_t class_; /* enum value_class */
    uint8_t loss;   /* enum loss_reason: what of it the other side cannot hold */
    bool gone;      /* nothing is left of it, or it was lost altogether */
    bool touched;   /* it has changed while it was being read: the rest says nothing */
};

struct entry_digester;

int entry_digester_new(struct entry_digester **ret, struct ft_err *err);
/* entry_digester_run - now_ms: what has ended by then is not there; VALUE_DIGEST_ALL: whatever its times, it is. */
int entry_digester_run(struct entry_digester *d, const struct rdb_entry *entry, int64_t now_ms,
                       struct entry_digest *ret, struct ft_err *err);
void entry_digester_free(struct entry_digester *d);

/*
 * entry_for_target - type and value as the target can hold them; valid until the next call. r: of this thread, for that
 * target. moment_ms: of what is read; members that had ended by then go if their times do. *ret_lost: all of it.
 */
int entry_for_target(struct recoder *r, const struct target *target, struct rdb_entry *entry,
                     int64_t moment_ms, enum loss_reason *ret_loss, bool *ret_lost,
                     struct ft_err *err);

/* times_are_near - both none, or no more than slack_ms apart. Times are as in rdb_entry or value_element. */
bool times_are_near(int64_t a_ms, int64_t b_ms, uint64_t slack_ms);
/* entry_digest_compare - of two digests with the same key. One that is gone is the same as none. */
enum difference entry_digest_compare(const struct entry_digest *a, const struct entry_digest *b,
                                     uint64_t slack_ms);
/* entry_digest_is_unsure - they differ only in what may be near enough, or in what one of the encodings has not. */
bool entry_digest_is_unsure(const struct entry_digest *a, const struct entry_digest *b);

#endif
