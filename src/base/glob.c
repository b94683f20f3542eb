#include "base/glob.h"

/* Where a class "[...]" ends and whether it holds c. *pos is after "[". */
static bool class_match(struct bytes pattern, size_t *pos, uint8_t c)
{
    size_t i = *pos;
    bool negated = i < pattern.n && pattern.p[i] == '^';
    bool found = false;

    if (negated)
        i++;
    while (i < pattern.n && pattern.p[i] != ']') {
        uint8_t low = pattern.p[i];
        uint8_t high;

        if (low == '\\' && i + 1 < pattern.n)
            low = pattern.p[++i];
        high = low;
        if (i + 2 < pattern.n && pattern.p[i + 1] == '-') {
            high = pattern.p[i + 2];
            i += 2;
        }
        if (low > high) {
            uint8_t swap = low;

            low = high;
            high = swap;
        }
        found = found || (c >= low && c <= high);
        i++;
    }
    *pos = i < pattern.n ? i + 1 : i; /* an unclosed class ends with the pattern */
    return found != negated;
}

/* Does the pattern at *pos, which is no star, match c? Advances *pos after that element. */
static bool element_match(struct bytes pattern, size_t *pos, uint8_t c)
{
    uint8_t p = pattern.p[(*pos)++];

    if (p == '?')
        return true;
    if (p == '[')
        return class_match(pattern, pos, c);
    if (p == '\\' && *pos < pattern.n)
        p = pattern.p[(*pos)++];
    return p == c;
}

/*
 * Only the last star needs to be retried: what an earlier star could take in addition, the later
 * one can take as well. So the time is at most pattern times text.
 */
bool glob_match(struct bytes pattern, struct bytes text)
{
    size_t pos = 0;
    size_t i = 0;
    size_t star_pos = SIZE_MAX;
    size_t star_i = 0;

    while (i < text.n) {
        if (pos < pattern.n && pattern.p[pos] == '*') {
            star_pos = ++pos;
            star_i = i;
            continue;
        }
        if (pos < pattern.n && element_match(pattern, &pos, text.p[i])) {
            i++;
            continue;
        }
        if (star_pos == SIZE_MAX)
            return false;
        pos = star_pos;
        i = ++star_i;
    }
    while (pos < pattern.n && pattern.p[pos] == '*')
        pos++;
    return pos == pattern.n;
}
