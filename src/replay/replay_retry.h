/*
 * replay_retry.h - dead letters are sent again: --retry-dead-letter.
 *
 * What it is   Every letter of the file that nothing newer has overtaken. The capture tells: after a
 *              letter's position its journal is read up to where the target is, and a key that another
 *              record names there, or a flush, has a newer state. A letter on such a key stays in the
 *              file, and so do those after one that stays on the same key; each is named in a note.
 * Refused      A file that holds letters of another capture, or of another replay of this one than that
 *              which the target has; before any letter is sent.
 * Threads      The replay's.
 */
#ifndef FLOWTAPE_REPLAY_REPLAY_RETRY_H
#define FLOWTAPE_REPLAY_REPLAY_RETRY_H

#include "replay/replay_impl.h"

/* replay_retry - FT_ERR_PROTOCOL if letters stay. */
int replay_retry(struct replay *r, struct ft_err *err);

#endif
