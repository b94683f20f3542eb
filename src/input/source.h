/*
 * source.h - an INPUT, whatever its kind, as streams of items.
 *
 * Kinds         A capture directory (one generation; one stream per flow), a set of such (as one capture), a Dragonfly .dfs set named by
 *               its summary or any member (one stream per file), an RDB file of Redis or Dragonfly (one
 *               stream), also compressed, an append-only file of Redis, of one file or several parts (one stream), a
 *               packed capture (as the capture). Which one it is, is found by looking; the table of kinds is in source.c, and
 *               source_kind.h says what a kind has to bring. Who reads an input never asks which kind it
 *               is, but what it can do.
 * Threads       A struct source is constant after source_open and may be shared; each stream belongs
 *               to one thread.
 */
#ifndef FLOWTAPE_INPUT_SOURCE_H
#define FLOWTAPE_INPUT_SOURCE_H

#include "input/owner_guard.h"
#include "input/read_progress.h"
#include "input/source_stream.h"
#include "store/capture.h"

struct cut;
struct source_kind;
struct source_nodes;
struct stat;

enum source_capability {
    SOURCE_HAS_JOURNAL = 1u << 0,     /* records with LSNs follow the snapshot; there are cuts */
    SOURCE_CAN_SEEK = 1u << 1,        /* a stream can begin at an LSN, or at a time */
    SOURCE_CAN_FOLLOW = 1u << 2,      /* more may come while it is read */
    SOURCE_HAS_GENERATIONS = 1u << 3, /* one of several full syncs is opened */
    SOURCE_OF_DRAGONFLY = 1u << 4,    /* nobody else writes such inputs */
    SOURCE_KEYS_MAY_REPEAT = 1u << 5, /* a key may come twice, which nobody has looked for yet */
    SOURCE_WAS_RECEIVED =
        1u << 6, /* its records have times at which they came, by the clock here */
    SOURCE_LSN_IS_OFFSET = 1u << 7, /* LSNs are offsets in bytes, of what a Redis has sent */
    SOURCE_CAN_CUT =
        1u << 8, /* a stream is a file, which several threads may read (source_stretches.h) */
};

/* What the AUX fields in front of the data say (of the first stream that has them). */
struct source_info {
    unsigned rdb_version;
    bool dragonfly;
    char version[64]; /* "df-v1.40.0", "7.2.4", or "" */
    uint64_t ctime_s; /* 0: not given */
    uint64_t used_mem;
};

/* Records of one stream's journal. */
struct lsn_range {
    uint64_t first; /* after the snapshot; 0: not known, or no journal */
    uint64_t next;  /* after the last one that is there */
};

struct source {
    const struct source_kind *kind; /* for input/ */
    unsigned capabilities;          /* of enum source_capability: see source_can */
    char *path;
    /* -1 after source_open; once it is readable, reading ends with FT_ERR_CANCELLED. Who opened the
     * source may set it before anything is read. */
    int cancel_fd;
    /* NULL after source_open; who opened the source may set it likewise. Streams count there, and passes name
     * their phases. */
    struct read_progress *progress;
    struct source_info info;
    /* of the Dragonfly: 137 for 1.37.x; up to 1.26, which do not tell it (no AUX df-ver),
     * SOURCE_RELEASE_OLD; SOURCE_RELEASE_REDIS: of_redis; 0: not known, as of one built from its main branch, or not a
     * Dragonfly */
    unsigned release;
    uint32_t stream_count;
    uint32_t generation; /* 0: has none */
    uint64_t began_us;   /* when what it holds was begun to be saved; 0: not known */
    enum snapshot_records snapshot_records; /* of a full sync; no other snapshot has any */
    struct lsn_range *lsns;                 /* one per stream; NULL: no journal. See source_lsns */
    bool growing;  /* its full sync is still running: see source_open_growing */
    bool of_redis; /* its journal holds what a Redis propagates, not what a Dragonfly writes */
    /* what of the input is left out, for the user; NULL: nothing. Of the source */
    char *left_out;
    struct owner_guard guard;         /* which records a stream brings for keys of another one */
    const struct source_nodes *nodes; /* of a cluster (source_nodes.h); NULL: it is one node */
};

/* source_open - generation: number, or 0 for the newest complete one. Errors name the path. */
int source_open(struct source **ret, const char *path, uint32_t generation, struct ft_err *err);
/*
 * source_open_growing - a generation whose full sync is still being recorded, by this process. Its streams end as those
 * of a complete one do, but say STEP_MORE where nothing has been written yet, whether or not they were asked to follow; there are no
 * LSNs yet. FT_ERR_TIMEOUT: too little of it is there to tell what the source is like, and which flow owns a key. The rule for
 * that was found from the keys that are there, and may turn out to be another one.
 */
int source_open_growing(struct source **ret, const char *path, uint32_t generation,
                        struct ft_err *err);
void source_free(struct source *s);

/* source_kind_name - "capture", "set", "dfs", "rdb", "packed", "compressed", "aof": for the user. */
const char *source_kind_name(const struct source *s);
bool source_can(const struct source *s, enum source_capability capability);
/* source_contains - is there, or would there be, a part of the input under this name? */
bool source_contains(const struct source *s, const char *path);
/* source_stream_file - the file in which a stream lies; NULL: it is a flow of a directory. */
const char *source_stream_file(const struct source *s, uint32_t index);
/* source_snapshot_bytes - of all streams, as source_stream_bytes counts them; 0: not known beforehand. */
uint64_t source_snapshot_bytes(const struct source *s);
/* source_journal_bytes - likewise, of what follows the snapshots. */
uint64_t source_journal_bytes(const struct source *s);
/* source_bytes - of both; 0: not known beforehand. */
uint64_t source_bytes(const struct source *s);

#define SOURCE_ID_SIZE 16

/*
 * source_identify - what tells this input from any other: the id that it has, or else all that is in it,
 * which costs one reading. cancel_fd: readable: FT_ERR_CANCELLED; -1: never.
 */
int source_identify(const struct source *s, int cancel_fd, uint8_t ret[SOURCE_ID_SIZE],
                    struct ft_err *err);

/*
 * The journal. Inputs without SOURCE_HAS_JOURNAL have empty ranges and one state, that of their snapshot.
 */

/* source_resolve_cut - what --at means here (cut.h). FT_ERR_USAGE: not understood, or not there; the text
 * says the bounds. FT_ERR_STATE: it is not a state of the source. An input without a journal gets a cut of no flows. */
int source_resolve_cut(const struct source *s, const char *at, struct cut *ret, struct ft_err *err);
/* source_resolve_base - likewise, for who brings what comes after the cut, too: while slots are on their way between the nodes of a
 * cluster it is a place in its journals, though not a state of the cluster. */
int source_resolve_base(const struct source *s, const char *at, struct cut *ret,
                        struct ft_err *err);
/* source_parse_time - RFC 3339, or "-90s" before the last byte received; of inputs that can seek. */
int source_parse_time(const struct source *s, const char *text, uint64_t *ret_time_us,
                      struct ft_err *err);
struct lsn_range source_lsns(const struct source *s, uint32_t index);
/* source_first_lsns - the first of each stream, for the caller to free. */
int source_first_lsns(const struct source *s, uint64_t **ret, struct ft_err *err);
/* source_seek_time - the LSN to begin at so that nothing received from then on is missed; of inputs that
 * can seek. 0: the stream has no journal yet. */
uint64_t source_seek_time(const struct source *s, uint32_t index, uint64_t time_us);
/* source_journal_release - source->release where a journal follows the snapshot, else 0. */
unsigned source_journal_release(const struct source *s);
/*
 * source_stamp - of inputs that can be followed: the status of a file, which is another one once more than
 * records has been added. false: it cannot be had now; what is read will tell.
 */
bool source_stamp(const struct source *s, struct stat *ret);

#endif
