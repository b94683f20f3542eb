/*
 * standin-master - plays a recording as a Dragonfly master on loopback; see lib/standin.h.
 *
 * Prints its port, serves until SIGTERM or SIGINT or a takeover, prints a report as JSON and exits 1 if a rule was
 * broken. The capture that it serves is made in a temporary directory, which it removes.
 */
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/temp_dir.h"
#include "lib/dataset.h"
#include "lib/standin.h"

#define VIOLATIONS_SHOWN 50
#define BLOCK_BYTES      (256u << 10)
#define BLOCK_RECORDS    1000u
#define NOTE_VIOLATION   "against the protocol: "

static const char usage_text[] =
    "usage: standin-master RECORDING [options]\n"
    "  --bind ADDRESS        default 127.0.0.1\n"
    "  --port N              0: any (default)\n"
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
    {"cluster-slots", required_argument, NULL, OPT_CLUSTER_SLOTS},
    {"no-dump", required_argument, NULL, OPT_NO_DUMP},
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

static void parse_event(struct standin_options *o, const char *text, bool pause)
{
    unsigned long long bytes;
    unsigned flow, ms = 0;
    struct standin_event *e;

    if (o->event_count == STANDIN_EVENTS_MAX ||
        (pause ? sscanf(text, "%u:%llu:%u", &flow, &bytes, &ms) != 3
               : sscanf(text, "%u:%llu", &flow, &bytes) != 2))
        usage();
    e = &o->events[o->event_count++];
    e->flow = flow;
    e->bytes = bytes;
    e->pause_ms = ms;
}

static enum standin_partial parse_partial(const char *text)
{
    if (strcmp(text, "none") == 0)
        return STANDIN_PARTIAL_NONE;
    if (strcmp(text, "end") == 0)
        return STANDIN_PARTIAL_END;
    if (strcmp(text, "any") != 0)
        usage();
    return STANDIN_PARTIAL_ANY;
}

/* What is answered; NULL: as the product does. */
static const char *parse_takeover(const char *text)
{
    if (strcmp(text, "twice") == 0)
        return "+OK\r\n+OK\r\n";
    if (strcmp(text, "silent") == 0)
        return "";
    if (strcmp(text, "once") != 0)
        usage();
    return NULL;
}

/* Options whose value is kept as it is, or that are flags. */
static bool parse_plain(int c, struct standin_options *o)
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

static void parse_number(int c, struct standin_options *o)
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

static void parse_options(int argc, char **argv, struct standin_options *o)
{
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == OPT_PAUSE_AT || c == OPT_DROP_AT)
            parse_event(o, optarg, c == OPT_PAUSE_AT);
        else if (c == OPT_PARTIAL)
            o->partial = parse_partial(optarg);
        else if (c == OPT_TAKEOVER)
            o->taken_over = parse_takeover(optarg);
        else if (!parse_plain(c, o))
            parse_number(c, o);
    }
    if (optind + 1 != argc)
        usage();
    o->recording = argv[optind];
}

/*
 * The recording, as a capture
 */

static uint64_t random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void make_events(struct standin *m)
{
    const struct recording *r = m->recording;
    uint64_t state = m->options.drop_seed;

    m->events = calloc(m->options.event_count + (size_t)m->options.drops * r->flow_count + 1,
                       sizeof(*m->events));
    if (m->events == NULL)
        abort();
    for (size_t i = 0; i < m->options.event_count; i++)
        m->events[m->event_count++] = m->options.events[i];
    for (uint32_t i = 0; i < r->flow_count; i++) {
        for (unsigned k = 0; k < m->options.drops; k++)
            m->events[m->event_count++] =
                (struct standin_event){.flow = i,
                                       .absolute = true,
                                       .bytes = 1 + random_next(&state) % r->flows[i].bytes.n};
    }
}

/* Payloads that were given with the values, for those that cannot be made. */
static void load_dumps(struct standin *m, const char *path)
{
    char file[4096];
    const char *name;
    json_t *dumps, *dump;

    snprintf(file, sizeof(file), "%s/dumps.json", path);
    dumps = json_load_file(file, JSON_ALLOW_NUL, NULL);
    json_object_foreach(dumps, name, dump)
    {
        (void)json_object_set(json_object_get(m->state, name), "dump", dump);
    }
    json_decref(dumps);
}

/* The values that the (second) recording ends with; none do no harm. */
static void load_state(struct standin *m)
{
    const char *path = m->options.resume != NULL ? m->options.resume : m->options.recording;
    char name[4096];

    snprintf(name, sizeof(name), "%s/state.json", path);
    if (access(name, R_OK) == 0)
        m->state = dataset_load(name);
    load_dumps(m, path);
}

static int load(struct standin *m, const char *path, struct ft_err *err)
{
    const struct standin_options *o = &m->options;

    if (recording_open(&m->recording, o->recording, o->resume, err) < 0)
        return -1;
    m->form = (struct t_capture_form){BLOCK_BYTES, BLOCK_RECORDS, m->recording->protocol,
                                      m->recording->df_version};
    if (o->protocol > 0)
        m->form.protocol = o->protocol;
    if (o->capa_elements == 3)
        m->form.protocol = 0;
    m->acks = calloc(m->recording->flow_count, sizeof(*m->acks));
    m->flows = calloc(m->recording->flow_count, sizeof(*m->flows));
    if (m->acks == NULL || m->flows == NULL)
        return err_nomem(err, "flows");
    make_events(m);
    load_state(m);
    return t_capture_begin(&m->writer, path, m->recording, &m->form, err);
}

/*
 * The run
 */

void standin_violation(struct standin *m, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    pthread_mutex_lock(&m->violations_mu);
    m->violation_count++;
    if (json_array_size(m->violations) < VIOLATIONS_SHOWN)
        json_array_append_new(m->violations, json_string(text));
    pthread_mutex_unlock(&m->violations_mu);
}

static void on_note(void *context, const char *text)
{
    size_t n = strlen(NOTE_VIOLATION);

    if (strncmp(text, NOTE_VIOLATION, n) == 0)
        standin_violation(context, "%s", text + n);
}

static void on_ready(void *context, const struct serve_place *place)
{
    (void)context;
    printf("%u\n", place->port);
    fflush(stdout);
}

static json_t *make_report(const struct standin *m, const struct serve_progress *progress)
{
    json_t *acks = json_array();

    for (uint32_t i = 0; i < m->recording->flow_count; i++)
        json_array_append_new(
            acks, json_pack("{s:I,s:I,s:I}", "count", (json_int_t)m->acks[i].count, "last",
                            (json_int_t)m->acks[i].last, "max", (json_int_t)m->acks[i].max));
    return json_pack("{s:I,s:I,s:I,s:I,s:o,s:I,s:O}", "sessions",
                     (json_int_t)atomic_load(&progress->asked), "full", (json_int_t)m->full,
                     "partial", (json_int_t)m->partial, "longest_send_ms",
                     (json_int_t)m->longest_send_ms, "acks", acks, "violation_count",
                     (json_int_t)m->violation_count, "violations", m->violations);
}

static int serve(struct standin *m, const char *path, int cancel_fd, struct ft_err *err)
{
    const struct standin_options *o = &m->options;
    const struct dragonfly_hooks hooks = {.context = m,
                                          .command = standin_command,
                                          .grants = standin_grants,
                                          .next = standin_next,
                                          .send = standin_send,
                                          .sent = standin_sent,
                                          .ack = standin_ack,
                                          .ended = standin_ended,
                                          .taken_over = o->taken_over};
    struct serve_options run = {
        .as = SERVE_AS_DRAGONFLY,
        .input = path,
        .follow = o->resume != NULL || o->stamps > 0, /* more may come */
        .listen = {.scheme = URI_REDIS, .port = o->port},
        .replicas_max = SERVE_REPLICAS_MAX,
        .password = o->password,
        .cancel_fd = cancel_fd,
        .dragonfly = {.pace = o->write_rate != 0 ? DRAGONFLY_PACE_RECORDS : DRAGONFLY_PACE_MAX,
                      .records_per_s = o->write_rate,
                      .chunk_bytes = o->chunk,
                      .hooks = &hooks},
        .on_note = on_note,
        .on_ready = on_ready,
        .context = m,
    };
    struct serve_progress progress = {0};
    struct serve_result result = {0};
    json_t *report;
    int rc;

    snprintf(run.listen.host, sizeof(run.listen.host), "%s",
             o->host != NULL ? o->host : "127.0.0.1");
    rc = serve_run(&run, &progress, &result, err);
    serve_result_release(&result);
    if (rc != 0)
        return -1;
    report = make_report(m, &progress);
    json_dumpf(report, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(report);
    return 0;
}

static void release(struct standin *m)
{
    capture_free(m->writer);
    if (m->recording != NULL)
        standin_flows_free(m);
    recording_free(m->recording);
    free(m->events);
    free(m->acks);
    json_decref(m->state);
    json_decref(m->violations);
}

static int block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    struct standin m = {.violations = json_array()};
    struct ft_err err = FT_ERR_INIT;
    int signal_fd = block_signals();
    struct temp_dir dir = {0};
    char path[4096];
    int rc;

    parse_options(argc, argv, &m.options);
    m.loading_left = m.options.loading;
    pthread_mutex_init(&m.mu, NULL);
    pthread_mutex_init(&m.violations_mu, NULL);
    rc = temp_dir_make(&dir, &err);
    if (rc == 0) {
        snprintf(path, sizeof(path), "%s/capture", dir.path);
        rc = load(&m, path, &err);
    }
    if (rc == 0)
        rc = serve(&m, path, signal_fd, &err);
    if (rc != 0)
        fprintf(stderr, "standin-master: %s\n", err.msg);
    release(&m);
    temp_dir_release(&dir);
    close(signal_fd);
    return rc != 0 ? 2 : (m.violation_count > 0 ? 1 : 0);
}
