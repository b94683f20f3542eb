#include "base/sha1.h"

/* What is to be used instead takes memory and locks of its own at first, and crashes where there is no memory. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

void sha1_of(struct bytes in, uint8_t ret[SHA1_SIZE])
{
    SHA_CTX context;

    (void)SHA1_Init(&context); /* none of them fails */
    (void)SHA1_Update(&context, in.p, in.n);
    (void)SHA1_Final(ret, &context);
}

void sha1_text(struct bytes in, char ret[SHA1_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA1_SIZE];

    sha1_of(in, digest);
    for (size_t i = 0; i < SHA1_SIZE; i++) {
        ret[2 * i] = digits[digest[i] >> 4];
        ret[2 * i + 1] = digits[digest[i] & 15];
    }
    ret[SHA1_TEXT_SIZE - 1] = '\0';
}
