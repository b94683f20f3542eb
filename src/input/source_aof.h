/*
 * source_aof.h - an append-only file of Redis or Valkey as an input.
 *
 * Named by      the file (Redis up to 6.2; commands alone, or after an RDB), the manifest of several parts, any part that a
 *               manifest beside it names, or a directory that holds one of these, or an appendonlydir with them.
 * What it is    One stream: the RDB in front, if there is one, is the snapshot, the commands are the journal, all parts in
 *               their order. LSNs count commands from 1; SELECT, MULTI and EXEC are none. Each part begins in database 0.
 * Cuts          Between transactions. A time is that of #TS: marks (aof-timestamp-enabled), to the second.
 * Opening       reads all commands once: where they end, and at which places reading can begin. What the last part ends
 *               in, a command or transaction that is not complete, is left out (aof_tail.h).
 * Source        redis src/aof.c (loadAppendOnlyFiles, loadSingleAppendOnlyFile).
 */
#ifndef FLOWTAPE_INPUT_SOURCE_AOF_H
#define FLOWTAPE_INPUT_SOURCE_AOF_H

struct source_kind;
extern const struct source_kind source_aof_kind;

#endif
