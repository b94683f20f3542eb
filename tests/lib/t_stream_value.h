/*
 * t_stream_value.h - a stream with groups in each of its encodings, put together from parts, which a test may
 * exchange.
 */
#ifndef FLOWTAPE_TESTS_LIB_T_STREAM_VALUE_H
#define FLOWTAPE_TESTS_LIB_T_STREAM_VALUE_H

/*
 * DUMP of a redis-server 7.0.15: XADD x 1-1 f v n 5, 1-2 f w n -6, 3-0 g z, 4-0 f q n 8; XDEL x
 * 1-2; XGROUP CREATE x grp 0; alice reads two entries, bob one; XGROUP CREATE x 7 $. The parts are
 * cut apart so that the other encodings can be put together from them.
 */
#define LISTPACKS                                                                                  \
    "\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x40\x4f\x4f\x00\x00" \
    "\x00\x1f\x00\x03\x01\x01\x01\x02\x01\x81\x66\x02\x81\x6e\x02\x00\x01\x02\x01\x00\x01\x00\x01" \
    "\x81\x76\x02\x05\x01\x05\x01\x03\x01\x00\x01\x01\x01\x81\x77\x02\xdf\xfa\x02\x05\x01\x00\x01" \
    "\x02\x01\xdf\xff\x02\x01\x01\x81\x67\x02\x81\x7a\x02\x06\x01\x02\x01\x03\x01\xdf\xff\x02\x81" \
    "\x71\x02\x08\x01\x05\x01\xff"
#define LENGTH_LAST "\x03\x04\x00"
#define COUNTERS    "\x01\x01\x01\x02\x04" /* first id, highest deleted id, entries added */
#define GROUP_7     "\xc0\x07\x04\x00"
#define NOT_KNOWN   "\x81\xff\xff\xff\xff\xff\xff\xff\xff"
#define GROUP_GRP   "\x03grp\x04\x00"
#define TIME        "\x73\x71\x70\xfd\xa1\x01\x00\x00"
#define ID(ms, seq) "\x00\x00\x00\x00\x00\x00\x00" ms "\x00\x00\x00\x00\x00\x00\x00" seq
#define PENDING                                                                                  \
    "\x03" ID("\x01", "\x01") TIME "\x01" ID("\x03", "\x00") TIME "\x01" ID("\x04", "\x00") TIME \
        "\x01"
#define ALICE \
    "\x05"    \
    "alice" TIME
#define ALICES_IDS "\x02" ID("\x01", "\x01") ID("\x03", "\x00")
#define BOB \
    "\x03"  \
    "bob" TIME
#define BOBS_IDS "\x01" ID("\x04", "\x00")

#define STREAM_2                                                                                \
    LISTPACKS LENGTH_LAST COUNTERS "\x02" GROUP_7 NOT_KNOWN "\x00\x00" GROUP_GRP "\x04" PENDING \
                                   "\x02" ALICE ALICES_IDS BOB BOBS_IDS
#define STREAM_1                                                      \
    LISTPACKS LENGTH_LAST "\x02" GROUP_7 "\x00\x00" GROUP_GRP PENDING \
                          "\x02" ALICE ALICES_IDS BOB BOBS_IDS
#define ACTIVE_NEVER "\xff\xff\xff\xff\xff\xff\xff\xff"
#define STREAM_3                                                                                \
    LISTPACKS LENGTH_LAST COUNTERS "\x02" GROUP_7 NOT_KNOWN "\x00\x00" GROUP_GRP "\x04" PENDING \
                                   "\x02" ALICE TIME ALICES_IDS BOB ACTIVE_NEVER BOBS_IDS

/* The last entry of a stream was deleted, a group is left. DUMP of a redis-server 7.0.15. */
#define STREAM_EMPTIED "\x00\x00\x05\x01\x00\x00\x05\x01\x01\x01\x01g\x00\x00" NOT_KNOWN "\x00\x00"

/* Duration, maximum, a producer "p" with the id "i" of the entry 1-1, ids added, duplicates. */
#define PRODUCERS                       \
    "\x40\x64\x40\x64\x01\x01p\x01\x01" \
    "i\x01\x01\x02\x01"
#define STREAM_4 STREAM_3 PRODUCERS
/* The same, and nobody has the entry 4-0. */
#define STREAM_5                                                                                \
    LISTPACKS LENGTH_LAST COUNTERS "\x02" GROUP_7 NOT_KNOWN "\x00\x00\x00" GROUP_GRP            \
                                   "\x04" PENDING "\x02" ALICE TIME ALICES_IDS BOB ACTIVE_NEVER \
                                   "\x00" BOBS_IDS PRODUCERS

#endif
