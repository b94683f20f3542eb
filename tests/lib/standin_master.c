/*
 * standin-master - plays a recording as a Dragonfly master on loopback; see lib/master.h.
 *
 * Prints its port, serves until SIGTERM or SIGINT (or with --once until nobody has been connected
 * for 2 s), prints a report as JSON and exits 1 if a rule was broken.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/master.h"

#define ONCE_IDLE_MS 2000

static const char usage_text[] =
    "usage: standin-master RECORDING [options]\n"
    "  --bind ADDRESS        default 127.0.0.1\n"
    "  --port N              0: any (default)\n"
    "  --once                exit when the last client has gone\n"
    "  --resume RECORDING2   continues the LSNs of RECORDING\n"
    "  --chunk N             bytes of one send at most\n"
    "  --chunk-random SEED   sends of random sizes\n"
    "  --rate BYTES          a second and flow\n"
    "  --write-rate N        journal records a second and flow; else all exist at once\n"
    "  --pause-at FLOW:BYTES:MS, --drop-at FLOW:BYTES   once, after so many bytes of a session\n"
    "  --drops N --seed S    N cuts of each flow at random offsets\n"
    "  --password PW, --user U\n"
    "  --loading N           answer LOADING to N commands\n"
    "  --plain-redis, --restricted, --noperm, --replica, --no-pause   refuse so\n"
    "  --takeover once|twice|silent   how often it is answered\n"
    "  --late-stable MS      before STARTSTABLE is executed\n"
    "  --partial any|none|end\n"
    "  --mixed               the first that resumes: flow 0 PARTIAL, the others FULL\n"
    "  --new-replid-after N  sessions\n"
    "  --framed-partial      PARTIAL as an RDB stream of journal blobs\n"
    "  --lsn-gap             the first PARTIAL leaves out a record\n"
    "  --flush-in-sync       FLUSHALL inside the first full sync\n"
    "  --protocol N, --capa-elements 3|4|5\n"
    "  --pops N              INFO COMMANDSTATS counts so many of LMPOP, from the second time on\n"
    "  --keyspace N          INFO KEYSPACE says that there are so many keys\n"
    "  --stamps N            behind the recording, N records a second and flow that tell the time\n"
    "  --absent DB/KEY       the key is not there when it is read\n"
    "  --cluster-slots FILE  the answer to CLUSTER SLOTS, as it is sent; read each time\n"
    "  --no-dump DB/KEY      the key cannot be read\n"
    "  --check-dir DIR       compare ACKs with what this capture directory holds\n";

enum option_id {
    OPT_PORT = 256,
    OPT_BIND,
    OPT_ONCE,
    OPT_RESUME,
    OPT_CHUNK,
    OPT_CHUNK_RANDOM,
    OPT_RATE,
    OPT_WRITE_RATE,
    OPT_NO_PAUSE,
    OPT_PAUSE_AT,
    OPT_DROP_AT,
    OPT_DROPS,
    OPT_SEED,
    OPT_PASSWORD,
    OPT_USER,
    OPT_LOADING,
    OPT_PLAIN_REDIS,
    OPT_RESTRICTED,
    OPT_NOPERM,
    OPT_REPLICA,
    OPT_PARTIAL,
    OPT_MIXED,
    OPT_NEW_REPLID,
    OPT_FRAMED,
    OPT_LSN_GAP,
    OPT_FLUSH,
    OPT_PROTOCOL,
    OPT_CAPA,
    OPT_CHECK_DIR,
    OPT_ABSENT,
    OPT_NO_DUMP,
    OPT_CLUSTER_SLOTS,
    OPT_STAMPS,
    OPT_POPS,
    OPT_KEYSPACE,
    OPT_TAKEOVER,
    OPT_LATE_STABLE,
};

static const struct option options[] = {
    {"bind", required_argument, NULL, OPT_BIND},
    {"port", required_argument, NULL, OPT_PORT},
    {"once", no_argument, NULL, OPT_ONCE},
    {"resume", required_argument, NULL, OPT_RESUME},
    {"chunk", required_argument, NULL, OPT_CHUNK},
    {"chunk-random", required_argument, NULL, OPT_CHUNK_RANDOM},
    {"rate", required_argument, NULL, OPT_RATE},
    {"write-rate", required_argument, NULL, OPT_WRITE_RATE},
    {"no-pause", no_argument, NULL, OPT_NO_PAUSE},
    {"pause-at", required_argument, NULL, OPT_PAUSE_AT},
    {"drop-at", required_argument, NULL, OPT_DROP_AT},
    {"drops", required_argument, NULL, OPT_DROPS},
    {"seed", required_argument, NULL, OPT_SEED},
    {"password", required_argument, NULL, OPT_PASSWORD},
    {"user", required_argument, NULL, OPT_USER},
    {"loading", required_argument, NULL, OPT_LOADING},
    {"plain-redis", no_argument, NULL, OPT_PLAIN_REDIS},
    {"restricted", no_argument, NULL, OPT_RESTRICTED},
    {"noperm", no_argument, NULL, OPT_NOPERM},
    {"replica", no_argument, NULL, OPT_REPLICA},
    {"partial", required_argument, NULL, OPT_PARTIAL},
    {"mixed", no_argument, NULL, OPT_MIXED},
    {"new-replid-after", required_argument, NULL, OPT_NEW_REPLID},
    {"framed-partial", no_argument, NULL, OPT_FRAMED},
    {"lsn-gap", no_argument, NULL, OPT_LSN_GAP},
    {"flush-in-sync", no_argument, NULL, OPT_FLUSH},
    {"protocol", required_argument, NULL, OPT_PROTOCOL},
    {"capa-elements", required_argument, NULL, OPT_CAPA},
    {"check-dir", required_argument, NULL, OPT_CHECK_DIR},
    {"absent", required_argument, NULL, OPT_ABSENT},
    {"no-dump", required_argument, NULL, OPT_NO_DUMP},
    {"cluster-slots", required_argument, NULL, OPT_CLUSTER_SLOTS},
    {"stamps", required_argument, NULL, OPT_STAMPS},
    {"pops", required_argument, NULL, OPT_POPS},
    {"keyspace", required_argument, NULL, OPT_KEYSPACE},
    {"takeover", required_argument, NULL, OPT_TAKEOVER},
    {"late-stable", required_argument, NULL, OPT_LATE_STABLE},
    {NULL, 0, NULL, 0},
};

static void usage(void)
{
    fputs(usage_text, stderr);
    exit(2);
}

static void parse_event(struct master_options *o, const char *text, bool pause)
{
    unsigned long long bytes;
    unsigned flow, ms = 0;
    struct master_event *e;

    if (o->event_count == MASTER_EVENTS_MAX ||
        (pause ? sscanf(text, "%u:%llu:%u", &flow, &bytes, &ms) != 3
               : sscanf(text, "%u:%llu", &flow, &bytes) != 2))
        usage();
    e = &o->events[o->event_count++];
    e->flow = flow;
    e->bytes = bytes;
    e->pause_ms = ms;
}

static enum master_partial parse_partial(const char *text)
{
    if (strcmp(text, "none") == 0)
        return MASTER_PARTIAL_NONE;
    if (strcmp(text, "end") == 0)
        return MASTER_PARTIAL_END;
    if (strcmp(text, "any") != 0)
        usage();
    return MASTER_PARTIAL_ANY;
}

static enum master_takeover parse_takeover(const char *text)
{
    if (strcmp(text, "twice") == 0)
        return MASTER_TAKEOVER_TWICE;
    if (strcmp(text, "silent") == 0)
        return MASTER_TAKEOVER_SILENT;
    if (strcmp(text, "once") != 0)
        usage();
    return MASTER_TAKEOVER_ONCE;
}

/* Options whose value is kept as it is, or that are flags. */
static bool parse_plain(int c, struct master_options *o)
{
    switch (c) {
    case OPT_BIND:
        o->host = optarg;
        return true;
    case OPT_RESUME:
        o->resume = optarg;
        return true;
    case OPT_PASSWORD:
        o->password = optarg;
        return true;
    case OPT_USER:
        o->user = optarg;
        return true;
    case OPT_CHECK_DIR:
        o->check_dir = optarg;
        return true;
    case OPT_ABSENT:
        o->absent = optarg;
        return true;
    case OPT_CLUSTER_SLOTS:
        o->cluster_slots = optarg;
        return true;
    case OPT_NO_DUMP:
        o->no_dump = optarg;
        return true;
    case OPT_PLAIN_REDIS:
        return o->plain_redis = true;
    case OPT_RESTRICTED:
        return o->restricted = true;
    case OPT_NOPERM:
        return o->noperm = true;
    case OPT_NO_PAUSE:
        return o->no_pause = true;
    case OPT_REPLICA:
        return o->replica = true;
    case OPT_MIXED:
        return o->mixed = true;
    case OPT_FRAMED:
        return o->framed_partial = true;
    case OPT_LSN_GAP:
        return o->lsn_gap = true;
    case OPT_FLUSH:
        return o->flush_in_sync = true;
    default:
        return false;
    }
}

static void parse_number(int c, struct master_options *o)
{
    unsigned long long n = strtoull(optarg != NULL ? optarg : "", NULL, 10);

    switch (c) {
    case OPT_PORT:
        o->port = (uint16_t)n;
        break;
    case OPT_CHUNK:
        o->chunk = (size_t)n;
        break;
    case OPT_CHUNK_RANDOM:
        o->chunk_random = true;
        o->chunk_seed = n;
        break;
    case OPT_RATE:
        o->rate = n;
        break;
    case OPT_WRITE_RATE:
        o->write_rate = n;
        break;
    case OPT_DROPS:
        o->drops = (unsigned)n;
        break;
    case OPT_SEED:
        o->drop_seed = n;
        break;
    case OPT_LOADING:
        o->loading = (unsigned)n;
        break;
    case OPT_STAMPS:
        o->stamps = (unsigned)n;
        break;
    case OPT_POPS:
        o->pops = (unsigned)n;
        break;
    case OPT_KEYSPACE:
        o->keyspace = (unsigned)n;
        break;
    case OPT_NEW_REPLID:
        o->new_replid_after = (unsigned)n;
        break;
    case OPT_LATE_STABLE:
        o->late_stable_ms = (unsigned)n;
        break;
    case OPT_PROTOCOL:
        o->protocol = (int)n;
        break;
    case OPT_CAPA:
        o->capa_elements = (int)n;
        break;
    default:
        usage();
    }
}

static bool parse_options(int argc, char **argv, struct master_options *o)
{
    bool once = false;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == OPT_ONCE)
            once = true;
        else if (c == OPT_PAUSE_AT || c == OPT_DROP_AT)
            parse_event(o, optarg, c == OPT_PAUSE_AT);
        else if (c == OPT_PARTIAL)
            o->partial = parse_partial(optarg);
        else if (c == OPT_TAKEOVER)
            o->takeover = parse_takeover(optarg);
        else if (!parse_plain(c, o))
            parse_number(c, o);
    }
    if (optind + 1 != argc)
        usage();
    o->recording = argv[optind];
    return once;
}

static void wait_end(struct master *m, bool once, int signal_fd)
{
    struct pollfd p = {.fd = signal_fd, .events = POLLIN};

    while (poll(&p, 1, 100) == 0 && !master_gone(m))
        if (once && master_idle_ms(m) > ONCE_IDLE_MS)
            return;
}

int main(int argc, char **argv)
{
    struct master_options o = {0};
    struct ft_err err = FT_ERR_INIT;
    struct master *m;
    json_t *report;
    sigset_t signals;
    bool once;
    int signal_fd, rc;

    once = parse_options(argc, argv, &o);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    if (master_start(&m, &o, &err) < 0) {
        fprintf(stderr, "standin-master: %s\n", err.msg);
        return 2;
    }
    printf("%u\n", master_port(m));
    fflush(stdout);
    wait_end(m, once, signal_fd);
    master_stop(m);
    report = master_report(m);
    json_dumpf(report, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(report);
    rc = master_violations(m) > 0 ? 1 : 0;
    master_free(m);
    close(signal_fd);
    return rc;
}
