/* sha1.h - the digest by which a Redis knows a script (FIPS 180-4). */
#ifndef FLOWTAPE_BASE_SHA1_H
#define FLOWTAPE_BASE_SHA1_H

#include <stdint.h>

#include "base/bytes.h"

#define SHA1_SIZE      20u
#define SHA1_TEXT_SIZE (2 * SHA1_SIZE + 1)

void sha1_of(struct bytes in, uint8_t ret[SHA1_SIZE]);
/* sha1_text - in hexadecimal digits, small letters. */
void sha1_text(struct bytes in, char ret[SHA1_TEXT_SIZE]);

#endif
