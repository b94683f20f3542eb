#include "serve/password.h"

/* Takes as long for every password of the same length. */
static bool is_same(struct bytes given, const char *secret)
{
    size_t n = strlen(secret);
    unsigned difference = given.n != n;

    for (size_t i = 0; i < given.n; i++)
        difference |= (unsigned)(given.p[i] ^ (uint8_t)secret[n == 0 ? 0 : i % n]);
    return difference == 0;
}

bool password_lets_in(const char *wanted, struct bytes user, struct bytes given)
{
    return wanted == NULL || (bytes_eq_str(user, "default") && is_same(given, wanted));
}
