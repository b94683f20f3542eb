/*
 * recording.h - a recorded replication session in memory: meta.json and flow-N.bin of a folder, and
 * where its journal records begin and end.
 *
 * Chaining     A second recording may continue the LSNs of the first (its PARTIAL resumption): the
 *              bytes of each flow are then both, one behind the other, and first_bytes and
 *              first_final_lsn say where the first one ends.
 * Offsets      Into the flow's bytes, from 0.
 * Errors       struct ft_err; a recording that contradicts its meta.json is FT_ERR_CORRUPT.
 */
#ifndef FLOWTAPE_TESTS_LIB_RECORDING_H
#define FLOWTAPE_TESTS_LIB_RECORDING_H

#include "base/buf.h"

#define RECORDING_UNKNOWN   UINT64_MAX
#define RECORDING_PINGS_MAX 16u
#define RECORDING_PING      0x0du /* the whole record */

struct recording_flow {
    struct buf bytes;
    uint64_t first_bytes;
    uint64_t fullsync_bytes; /* sent before DFLY STARTSTABLE; 0: the recording is a PARTIAL one */
    uint64_t fullsync_end;   /* where FULLSYNC_END, or the blob that holds it, begins, or UNKNOWN */
    uint64_t stable_start;
    uint64_t first_lsn; /* of the first record behind stable_start */
    uint64_t first_final_lsn;
    uint64_t final_lsn; /* the next one behind the last record */
    uint64_t *starts;   /* final_lsn - first_lsn records; a SELECT belongs to its record */
    uint64_t *ends;
    unsigned pings; /* records added behind it */
    char token[41];
};

struct recording {
    char replication_id[41];
    int protocol;
    int capa_elements;
    char df_version[32]; /* "df-v1.40.0" */
    uint32_t flow_count;
    struct recording_flow *flows;
};

int recording_open(struct recording **ret, const char *path, const char *resume_path,
                   struct ft_err *err);
/* recording_lsn_offset - where to start sending when asked for this LSN; it is within the flow's. */
uint64_t recording_lsn_offset(const struct recording_flow *f, uint64_t lsn);
/* recording_lsn_at - the next LSN when all bytes up to this offset (in the journal) were sent. */
uint64_t recording_lsn_at(const struct recording_flow *f, uint64_t offset);
/* recording_add_ping - one more record at the flow's end, where it may be read from meanwhile. False: not
 * one that is continued by another, nor more than RECORDING_PINGS_MAX. */
bool recording_add_ping(struct recording_flow *f);
void recording_free(struct recording *r);

#endif
