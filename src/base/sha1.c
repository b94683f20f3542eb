#include "base/sha1.h"

#include <openssl/evp.h>

int sha1_of(struct bytes in, uint8_t ret[SHA1_SIZE], struct ft_err *err)
{
    if (EVP_Digest(in.p, in.n, ret, NULL, EVP_sha1(), NULL) != 1)
        return err_set(err, FT_ERR_STATE,
                       "OpenSSL did not compute SHA-1: there is no memory, or it may not");
    return 0;
}

int sha1_text(struct bytes in, char ret[SHA1_TEXT_SIZE], struct ft_err *err)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA1_SIZE];

    if (sha1_of(in, digest, err) != 0)
        return -1;
    for (size_t i = 0; i < SHA1_SIZE; i++) {
        ret[2 * i] = digits[digest[i] >> 4];
        ret[2 * i + 1] = digits[digest[i] & 15];
    }
    ret[SHA1_TEXT_SIZE - 1] = '\0';
    return 0;
}
