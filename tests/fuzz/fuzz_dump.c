/* item/dump.h. Input: an option, the payload; its checksum is made right unless the option says no. */
#include "base/crc64.h"
#include "base/endian.h"
#include "fuzz/fuzz.h"
#include "item/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    bool as_it_is = fuzz_byte(&in) & 1;
    uint8_t *payload = malloc(in.n > 0 ? in.n : 1);
    struct ft_err err = FT_ERR_INIT;
    struct dump d;

    fuzz_must(payload != NULL);
    if (in.n > 0)
        memcpy(payload, in.p, in.n);
    if (!as_it_is && in.n > 8)
        store_le64(payload + in.n - 8, crc64(0, payload, in.n - 8));
    fuzz_result(dump_parse(bytes_of(payload, in.n), &d, &err), &err);
    free(payload);
    return 0;
}
