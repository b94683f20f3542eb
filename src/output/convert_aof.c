#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsutil.h"
#include "output/convert_stream.h"
#include "output/record_writer.h"

/*
 * Names as redis-server has them by default (appendfilename, appenddirname).
 * Source: redis src/aof.c (7.0): getAofManifestAsString, getNewIncrAofName; "#TS:" annotations:
 * genAofTimestampAnnotationIfNeeded. Before 7.0 one file with an RDB preamble, without annotations.
 */
#define AOF_DIR      "appendonlydir"
#define AOF_NAME     "appendonly.aof"
#define AOF_BASE     AOF_NAME ".1.base.rdb"
#define AOF_MANIFEST AOF_NAME ".manifest"
/* The first target with appendonlydir. */
#define MULTI_PART_VERSION 700

struct aof_conversion {
    const struct source *source;
    const struct stream_options *options;
    struct convert_progress *progress;
    struct loss_report *losses;
    struct suspect_report *suspects;
    struct stream_result *ret;
    bool multi_part;
    char *output; /* without slashes at its end */
    char *dir;    /* where it is made, beside OUTPUT */
    char *files;  /* the directory in it where the files are */
    bool dir_made;
    mode_t mode; /* of the empty directory in whose place it comes; 0: there is none */
    struct translator *translator;
    struct record_writer records;
    struct sink_resp sink;
    bool part_open;
    uint64_t marked_s; /* the second of the last time mark */
};

static char *join(const char *dir, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int make_dir(const char *path, struct ft_err *err)
{
    if (mkdir(path, 0700) != 0)
        return err_errno(err, errno, "could not create \"%s\"", path);
    return 0;
}

static bool is_empty_dir(const char *path)
{
    const struct dirent *entry;
    bool empty = true;
    DIR *dir = opendir(path);

    if (dir == NULL)
        return false;
    while (empty && (entry = readdir(dir)) != NULL)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    (void)closedir(dir); /* was only read */
    return empty;
}

static int check_output(struct aof_conversion *c, struct ft_err *err)
{
    struct stat status;

    if (lstat(c->output, &status) != 0)
        return 0;
    if (!S_ISDIR(status.st_mode) || !is_empty_dir(c->output)) {
        return err_set(err, FT_ERR_STATE,
                       "\"%s\" exists; an AOF directory is made anew, or out of an empty one",
                       c->output);
    }
    c->mode = status.st_mode & 07777;
    return 0;
}

static int prepare_dir(struct aof_conversion *c, const char *output, struct ft_err *err)
{
    size_t n = strlen(output);

    while (n > 1 && output[n - 1] == '/')
        n--;
    c->output = strndup(output, n);
    if (c->output == NULL || (c->dir = output_file_temporary(c->output)) == NULL)
        return err_nomem(err, "an AOF directory");
    if (convert_check_output(c->source, c->output, err) != 0 || check_output(c, err) != 0)
        return -1;
    if (mkdtemp(c->dir) == NULL)
        return err_errno(err, errno, "could not create a directory beside \"%s\"", c->output);
    c->dir_made = true;
    c->files = c->multi_part ? join(c->dir, AOF_DIR) : strdup(c->dir);
    if (c->files == NULL)
        return err_nomem(err, "an AOF directory");
    return c->multi_part ? make_dir(c->files, err) : 0;
}

/* The state at the end of the full sync. Its losses are judged together with the journal's. */
static int write_base(struct aof_conversion *c, struct ft_err *err)
{
    struct convert_options options = *c->options->common;
    struct cut cut = {0};
    char *path = join(c->files, c->multi_part ? AOF_BASE : AOF_NAME);
    int rc = 0;

    if (path == NULL)
        return err_nomem(err, "an AOF directory");
    options.fail_on_loss = false;
    if (c->source->kind == SOURCE_CAPTURE) {
        rc = cut_resolve(&cut, "snapshot", c->source->capture, c->source->generation, err);
        if (c->options->common->cut != NULL) /* the increments do not say what ends meanwhile */
            cut.moment_ms = c->options->common->cut->moment_ms;
        options.cut = &cut;
    }
    if (rc == 0) {
        rc = convert_to_rdb(c->source, path, &options, c->progress, c->losses, c->suspects,
                            &c->ret->entries, err);
    }
    c->ret->entries.written = false; /* nothing is under OUTPUT yet */
    cut_release(&cut);
    free(path);
    return rc;
}

static int open_part(struct aof_conversion *c, struct ft_err *err)
{
    char *path = NULL;
    int rc;

    if (!c->multi_part)
        path = join(c->files, AOF_NAME);
    else if (asprintf(&path, "%s/" AOF_NAME ".%" PRIu64 ".incr.aof", c->files, c->ret->parts + 1) <
             0)
        path = NULL;
    if (path == NULL)
        return err_nomem(err, "an AOF file");
    rc =
        c->multi_part ? sink_resp_open(&c->sink, path, err) : sink_resp_append(&c->sink, path, err);
    free(path);
    if (rc != 0)
        return -1;
    c->sink.databases.limit = c->options->common->databases;
    c->part_open = true;
    c->marked_s = 0; /* each part begins with a mark */
    c->ret->parts++;
    return 0;
}

static int close_part(struct aof_conversion *c, struct ft_err *err)
{
    int rc = 0;

    if (c->part_open) {
        rc = sink_resp_finish(&c->sink, err);
        c->ret->commands += c->sink.commands;
        c->ret->entries.bytes_out += sink_resp_bytes(&c->sink);
        if (c->sink.databases.needed > c->ret->entries.databases)
            c->ret->entries.databases = c->sink.databases.needed;
    }
    sink_resp_release(&c->sink);
    c->part_open = false;
    return rc;
}

/* Marks never go back: redis-check-aof cuts at the first one that is too late. */
static int mark_time(struct aof_conversion *c, uint64_t time_us, struct ft_err *err)
{
    uint64_t second = time_us / 1000000;
    struct buf line = {0};
    int rc;

    if (!c->multi_part || second <= c->marked_s)
        return 0;
    c->marked_s = second;
    rc = buf_printf(&line, err, "#TS:%" PRIu64 "\r\n", second);
    if (rc == 0)
        rc = sink_resp_put_raw(&c->sink, buf_bytes(&line), err);
    buf_release(&line);
    return rc;
}

static int take_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct aof_conversion *c = context;
    uint64_t part_bytes = c->options->part_bytes;

    if (c->part_open && c->multi_part && sink_resp_bytes(&c->sink) >= part_bytes &&
        close_part(c, err) != 0)
        return -1;
    if (!c->part_open && open_part(c, err) != 0)
        return -1;
    if (mark_time(c, item->time_us, err) != 0)
        return -1;
    return record_writer_put(&c->records, item, t, err);
}

static int write_journal(struct aof_conversion *c, struct ft_err *err)
{
    const struct convert_options *o = c->options->common;
    struct journal_pass_counts *counts = &c->ret->entries.journal;
    struct journal_pass_counts base = *counts;

    if (o->cut == NULL || o->cut->is_snapshot)
        return 0;
    c->records = (struct record_writer){
        .sink = &c->sink, .filter = &o->filter, .losses = c->losses, .suspects = c->suspects};
    if (journal_translator_new(&c->translator, c->source, o->target, o->json_as, err) != 0 ||
        record_writer_init(&c->records, c->source, o->target, o->json_as, err) != 0)
        return -1;
    translator_set_moment(c->translator, cut_moment_ms(o->cut, 0));
    if (journal_pass_run(c->source, o->cut, c->translator, take_record, c, counts, err) != 0)
        return -1;
    counts->foreign += base.foreign;
    counts->repeated += base.repeated;
    c->ret->records_filtered = c->records.filtered;
    return close_part(c, err);
}

static int write_manifest(struct aof_conversion *c, struct ft_err *err)
{
    char *path = join(c->files, AOF_MANIFEST);
    struct buf text = {0};
    int rc;

    if (path == NULL)
        return err_nomem(err, "an AOF manifest");
    rc = buf_append_str(&text, "file " AOF_BASE " seq 1 type b\n", err);
    for (uint64_t i = 1; rc == 0 && i <= c->ret->parts; i++) {
        rc = buf_printf(&text, err,
                        "file " AOF_NAME ".%" PRIu64 ".incr.aof seq %" PRIu64 " type i\n", i, i);
    }
    if (rc == 0)
        rc = fs_replace_file(AT_FDCWD, path, buf_bytes(&text), err);
    buf_release(&text);
    free(path);
    return rc;
}

static int publish(struct aof_conversion *c, struct ft_err *err)
{
    if (c->mode != 0 && chmod(c->dir, c->mode) != 0)
        return err_errno(err, errno, "could not set the mode of \"%s\"", c->dir);
    if (convert_check_losses(c->options->common, c->losses, err) != 0 ||
        (c->multi_part && write_manifest(c, err) != 0) || fs_sync_dir(AT_FDCWD, c->dir, err) != 0 ||
        fs_rename_durable(AT_FDCWD, c->dir, c->output, err) != 0)
        return -1;
    c->dir_made = false;
    c->ret->entries.written = true;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    (void)remove(path); /* nothing more can be done about it */
    return 0;
}

static void release(struct aof_conversion *c)
{
    sink_resp_release(&c->sink);
    translator_free(c->translator);
    record_writer_release(&c->records);
    if (c->dir_made)
        (void)nftw(c->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS); /* likewise */
    free(c->files);
    free(c->dir);
    free(c->output);
}

int convert_to_aof(const struct source *source, const char *output,
                   const struct stream_options *options, struct convert_progress *progress,
                   struct loss_report *losses, struct suspect_report *suspects,
                   struct stream_result *ret, struct ft_err *err)
{
    struct aof_conversion c = {.source = source,
                               .options = options,
                               .progress = progress,
                               .losses = losses,
                               .suspects = suspects,
                               .ret = ret,
                               .multi_part =
                                   options->common->target->version >= MULTI_PART_VERSION};
    int rc = -1;

    memset(ret, 0, sizeof(*ret));
    if (prepare_dir(&c, output, err) == 0 && write_base(&c, err) == 0 &&
        write_journal(&c, err) == 0)
        rc = publish(&c, err);
    release(&c);
    return rc;
}
