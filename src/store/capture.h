/*
 * capture.h - the capture directory: manifest, generations, lock; opened to write or to read.
 *
 * Layout       capture.json                        the manifest, replaced atomically
 *              capture.lock                        held by the one process that writes
 *              gen-0001/flow-000-00000-snapshot.seg    segments by flow, ordinal, kind
 *              gen-0001/flow-000-00001-journal.seg.partial
 *              doc/format-capture.md has the specification.
 * Writer       One at a time. It locks the directory too, for the file may be removed by somebody who
 *              takes it for a leftover.
 * Generations  One full sync and the journal that follows it. A generation whose snapshots never
 *              became complete is of no use to anybody: its files are removed when the next one
 *              begins, its entry stays as `abandoned`.
 * Readers      Directories and files that are made here are for their owner only (0700, 0600), whatever
 *              the umask: they hold all that the source held. What exists keeps its mode.
 * Durability   The manifest never names what is not durable. What is on disk but not named yet
 *              (sealed or open segments of the last generation) is found by looking.
 * Threads      A struct capture opened to write belongs to the thread that holds the caller's lock;
 *              nothing in here locks. A flow_reader belongs to one thread and needs the capture
 *              only while it is made.
 * Pointers     To generations: valid until capture_begin_generation.
 */
#ifndef FLOWTAPE_STORE_CAPTURE_H
#define FLOWTAPE_STORE_CAPTURE_H

#include "store/segment.h"

#define CAPTURE_MANIFEST   "capture.json"
#define CAPTURE_LOCK       "capture.lock"
#define CAPTURE_FLOWS_MAX  1024
#define REPLICATION_ID_MAX 64

enum generation_state {
    GENERATION_SNAPSHOT,  /* the full sync is in progress, or was when the recorder ended */
    GENERATION_COMPLETE,  /* all flows have their snapshot; journal may follow */
    GENERATION_ABANDONED, /* snapshot never completed, files removed */
};
const char *generation_state_name(enum generation_state s);

/* Which key-to-flow rule the source uses (doc/journal.md, rule 4); found from the snapshot's keys. */
enum sharding_rule {
    SHARDING_UNKNOWN = 0,
    SHARDING_KEY,        /* XXH64(key, 120577240643) mod N */
    SHARDING_TAG,        /* the same over the hash tag */
    SHARDING_SLOT,       /* cluster slot mod N */
    SHARDING_KEY_OR_TAG, /* one of the first two: no key seen had a tag */
};
const char *sharding_rule_name(enum sharding_rule r);

/* Are there journal records inside the full sync? */
enum snapshot_records {
    SNAPSHOT_RECORDS_UNKNOWN = 0, /* it was never complete in one run of the recorder */
    SNAPSHOT_RECORDS_NONE,
    SNAPSHOT_RECORDS_SOME,
};
const char *snapshot_records_name(enum snapshot_records s);

struct capture_flow {
    struct segment_info *segments;
    size_t segment_count;
    uint64_t raw_bytes;
    bool snapshot_complete;
    uint64_t stable_lsn; /* JOURNAL_OFFSET; 0 until known */
    uint64_t next_lsn;   /* after the last complete record on disk; 0 before stable_lsn is known */
    char eof_token[41];
};

struct generation {
    uint32_t id; /* from 1 */
    enum generation_state state;
    char replication_id[REPLICATION_ID_MAX];
    char source_version[64]; /* "df-v1.40.0", or "" */
    int protocol;            /* integer of the capa reply; 0: none given */
    enum sharding_rule sharding;
    enum snapshot_records snapshot_records;
    uint64_t began_us;
    uint32_t resumptions; /* PARTIAL sessions since the full sync */
    char ended_by[32]; /* why no more will come: "" while it may; "full-sync", "flush", "lsn-gap" */
    uint32_t flow_count;
    struct capture_flow *flows;
};

struct flow_blocks;

struct capture {
    int dirfd;   /* -1: it is not a directory */
    int lock_fd; /* -1 when reading */
    int hold_fd; /* of capture_hold; -1: nothing is held */
    char *path;
    uint8_t id[CAPTURE_ID_SIZE];
    uint64_t created_us;
    uint64_t clock_us;        /* what writers take for the present; 0: the machine's clock */
    char source_address[300]; /* host:port, or unix path; never a password */
    bool redis; /* the source is a Redis: its journal are commands, its LSNs replication offsets */
    struct generation *generations;
    size_t generation_count;
    const struct flow_blocks *blocks; /* of one that is not a directory (flow_reader.h); NULL */
};

/* What recovery found and did, for a line to the user. */
struct capture_recovery {
    uint32_t sealed;  /* segments that were left open and are sealed now */
    uint32_t removed; /* segments without a whole block */
    uint64_t cut_bytes;
};

/*
 * capture_open_write - open or create (also the directory itself, one level). Takes the lock: a
 * second writer is FT_ERR_STATE. On an existing capture every left-open segment is recovered and
 * the manifest brought up to date. Refuses (FT_ERR_STATE) a directory that is neither a capture nor
 * empty, and one whose manifest another program made. capture_check_source refuses a capture of
 * another source: another address, unless the newest generation's replication id equals
 * replication_id. A capture without a generation takes the new address.
 */
int capture_open_write(struct capture **ret, const char *path, const char *source_address,
                       struct capture_recovery *ret_recovery, struct ft_err *err);
/* capture_set_redis - what the source is. FT_ERR_STATE: it was something else for what is there already. */
int capture_set_redis(struct capture *c, bool redis, struct ft_err *err);
/* capture_check_source - see above; called when the source's replication id is known. */
int capture_check_source(const struct capture *c, const char *source_address,
                         const char *replication_id, struct ft_err *err);
/* capture_open_read - takes no lock, changes nothing; sees open segments as they are now. */
int capture_open_read(struct capture **ret, const char *path, struct ft_err *err);
/* capture_hold - this generation is being read, and not to be removed, until capture_free. FT_ERR_STATE: it was removed
 * meanwhile. */
int capture_hold(struct capture *c, const struct generation *g, struct ft_err *err);
/* capture_from_manifest - what a manifest says, without a directory: only for its generations. */
int capture_from_manifest(struct capture **ret, struct bytes text, const char *path,
                          struct ft_err *err);
/* capture_keep_generation - of one opened to read: forget all others. */
void capture_keep_generation(struct capture *c, uint32_t id);
/*
 * capture_choose_segments - of a flow only some of the first segments stay, and what follows from them. The
 * callback is asked in their order, and may put another one in the place of *info. It returns 1: it stays;
 * 0: the flow ends before it; -1: failed.
 */
typedef int capture_choose_fn(void *context, uint32_t flow, struct segment_info *info,
                              struct ft_err *err);
int capture_choose_segments(struct generation *g, capture_choose_fn *choose, void *context,
                            struct ft_err *err);
/* capture_is_dir - is there a capture at this path? For telling kinds of input apart. */
bool capture_is_dir(const char *path);

/*
 * capture_begin_generation - a new one with flow_count flows; the newest one is abandoned if it is
 * incomplete (its writers must be freed), else its ended_by becomes "full-sync" unless it is set
 * (its segments must be sealed). Durable on return.
 */
int capture_begin_generation(struct capture *c, const char *replication_id, int protocol,
                             uint32_t flow_count, struct generation **ret, struct ft_err *err);
/* capture_newest - NULL: none. capture_find - by number, 0: the newest complete one. */
struct generation *capture_newest(const struct capture *c);
struct generation *capture_find(const struct capture *c, uint32_t id);
/* capture_segment_id - header of the next segment of a flow, and its name. */
void capture_segment_id(const struct capture *c, const struct generation *g, uint32_t flow,
                        enum segment_kind kind, uint64_t start_lsn, struct segment_id *ret,
                        char name[SEGMENT_NAME_MAX]);
/*
 * capture_add_segment - note a sealed segment. Also sets snapshot_complete, next_lsn, the state.
 * The manifest is not saved. FT_ERR_CORRUPT: it does not go on where the flow ends. What a seal
 * that removed the file returned is passed over.
 */
int capture_add_segment(struct generation *g, uint32_t flow, const struct segment_info *info,
                        struct ft_err *err);
/* capture_save - replace the manifest, durably. */
int capture_save(struct capture *c, struct ft_err *err);
void capture_free(struct capture *c);

#endif
