/*
 * packed_capture.h - a packed archive as a capture that is read, without a directory.
 *
 * What it is   Every reader of a flow goes through the archive from its beginning, passes over what is not its
 *              own, and ends after its flow. Nothing is written to disk; what is passed over costs its
 *              decompression, or a seek in an archive that is not compressed.
 * Checks       What is read is checked as in a directory. That all members have the digests that were noted
 *              only who reads them all can tell (packed_reader.h).
 */
#ifndef FLOWTAPE_ARCHIVE_PACKED_CAPTURE_H
#define FLOWTAPE_ARCHIVE_PACKED_CAPTURE_H

#include "store/capture.h"

int packed_capture_open(struct capture **ret, const char *path, struct ft_err *err);

#endif
