/*
 * replay_survey.h - what an input asks of its target, found before anything is written.
 *
 * What it is   A pass over what is on disk, all streams at once, through the filters, names and
 *              databases of the replay: what the target cannot hold, which databases are needed, which
 *              commands, which function libraries.
 * Cost         Values are skipped; their type says whether one can be lost. Only a stream that has
 *              such a type is read with its values. Records are translated and thrown away.
 * Growing      Of a capture that grows: what is there by now.
 * Threads      Uses threads of its own; nothing else of the replay may run meanwhile.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_SURVEY_H
#define FLOWTAPE_REPLAY_REPLAY_SURVEY_H

#include "replay/replay_impl.h"

#define REPLAY_LIBRARY_NAME 128
#define REPLAY_COMMAND_NAME 32

/* A command that is sent, "NAME" or "NAME SUB". */
struct replay_command {
    char name[REPLAY_COMMAND_NAME];
    bool called; /* by a script, which may do without it */
};

struct replay_survey {
    struct loss_report losses;
    uint32_t db_max;      /* of the target; 0 if nothing goes elsewhere */
    bool strings, values; /* there are such: SET, RESTORE */
    bool times;           /* keys end, or may */
    bool scripts;         /* records execute scripts of the source */
    bool modules;         /* of these, what RESTORE alone brings */
    char too_large[200];  /* the first key or record that is for one request; "" */
    uint64_t too_large_count;
    unsigned classes;                       /* of values: 1 << enum value_class */
    char (*libraries)[REPLAY_LIBRARY_NAME]; /* names of function libraries */
    size_t library_count;
    uint64_t keys, records;          /* that go to the target */
    uint64_t in_sync;                /* of the records, those inside the full sync */
    uint64_t bytes;                  /* of these keys and their values, as the input has them */
    struct replay_command *commands; /* that records become */
    size_t command_count;
};

/* replay_survey_run - *ret is to be released in any case. */
int replay_survey_run(struct replay_survey *ret, struct replay *r, struct ft_err *err);
void replay_survey_release(struct replay_survey *s);
/* replay_library_name - of a function library, out of its head line; false: it has none. */
bool replay_library_name(struct bytes code, char out[REPLAY_LIBRARY_NAME]);
/* replay_loads_library - of a record that changes libraries: FUNCTION LOAD, the last argument of which is the code. */
bool replay_loads_library(const struct journal_record *record);

#endif
