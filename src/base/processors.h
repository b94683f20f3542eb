/*
 * processors.h - how many processors there are for this process.
 *
 * What it is   Those on which it may run: a container, or taskset, may have left it fewer than the machine has.
 */
#ifndef FLOWTAPE_BASE_PROCESSORS_H
#define FLOWTAPE_BASE_PROCESSORS_H

/* processors_usable - at least 1. */
unsigned processors_usable(void);

#endif
