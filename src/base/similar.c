#include "base/similar.h"

#include <string.h>
#include <strings.h>

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* Letters to insert, remove, replace, or swap with the next; case does not count. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][SIMILAR_WORD_MAX + 1];
    size_t n = strlen(a);
    size_t m = strlen(b);

    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *before = rows[(i + 2) % 3];
        const unsigned *earlier = rows[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            bool same = strncasecmp(a + i - 1, b + j - 1, 1) == 0;

            now[j] = min3(now[j - 1] + 1, before[j] + 1, before[j - 1] + !same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                earlier[j - 2] + 1 < now[j])
                now[j] = earlier[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

void similar_look(struct similar *s, const char *known)
{
    size_t n = strlen(s->word);
    unsigned d;

    if (n < 2 || n > SIMILAR_WORD_MAX || strlen(known) > SIMILAR_WORD_MAX)
        return;
    d = n >= 3 && strncasecmp(s->word, known, n) == 0 ? 1 : distance(s->word, known);
    if (d > 3 || d * 3 > n || (s->best != NULL && d >= s->distance))
        return;
    s->best = known;
    s->distance = d;
}
