/* wire/uri.h. Input: a URI. */
#include "fuzz/fuzz.h"
#include "wire/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    char address[URI_ADDRESS_SIZE];
    char *text = fuzz_text(bytes_of(p, n));
    struct ft_err err = FT_ERR_INIT;
    struct uri u, copy;

    if (uri_parse(text, &u, &err) == 0) {
        fuzz_must(strlen(uri_address(&u, address)) < sizeof(address));
        fuzz_must(uri_copy(&copy, &u, &err) == 0);
        uri_release(&copy);
        uri_release(&u);
    } else {
        fuzz_error(&err);
    }
    free(text);
    return 0;
}
