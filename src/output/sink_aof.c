#include "output/sink_aof.h"

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
#include "base/output_file.h"
#include "input/cut.h"
#include "output/rdb_file.h"
#include "output/record_writer.h"
#include "output/sink_rdb.h"

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

struct aof_form {
    const struct conversion *c;
    bool multi_part;
    char *output; /* without slashes at its end */
    char *dir;    /* where it is made, beside OUTPUT */
    char *files;  /* the directory in it where the files are */
    bool dir_made;
    mode_t mode; /* of the empty directory in whose place it comes; 0: there is none */
    struct translator *translator;
    struct record_writer records;
    struct resp_file file;
    bool part_open;
    uint64_t base_bytes;
    uint32_t base_databases; /* that the base needs */
    uint64_t marked_s;       /* the second of the last time mark */
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

static int check_output(struct aof_form *f, struct ft_err *err)
{
    struct stat status;

    if (lstat(f->output, &status) != 0)
        return 0;
    if (!S_ISDIR(status.st_mode) || !is_empty_dir(f->output)) {
        return err_set(err, FT_ERR_STATE,
                       "\"%s\" exists; an AOF directory is created, or written into an empty one",
                       f->output);
    }
    f->mode = status.st_mode & 07777;
    return 0;
}

static int prepare_dir(struct aof_form *f, const char *output, struct ft_err *err)
{
    size_t n = strlen(output);

    while (n > 1 && output[n - 1] == '/')
        n--;
    f->output = strndup(output, n);
    if (f->output == NULL || (f->dir = output_file_temporary(f->output)) == NULL)
        return err_nomem(err, "an AOF directory");
    if (convert_check_output(f->c->source, f->output, err) != 0 || check_output(f, err) != 0)
        return -1;
    if (mkdtemp(f->dir) == NULL)
        return err_errno(err, errno, "could not create a directory beside \"%s\"", f->output);
    f->dir_made = true;
    f->files = f->multi_part ? join(f->dir, AOF_DIR) : strdup(f->dir);
    if (f->files == NULL)
        return err_nomem(err, "an AOF directory");
    return f->multi_part ? make_dir(f->files, err) : 0;
}

/* The state at the end of the full sync. Its losses are classified together with the journal's. */
static int write_base(struct aof_form *f, struct ft_err *err)
{
    struct convert_options options = *f->c->options;
    struct conversion base = *f->c;
    struct cut cut = {0};
    char *path = join(f->files, f->multi_part ? AOF_BASE : AOF_NAME);
    int rc = 0;

    if (path == NULL)
        return err_nomem(err, "an AOF directory");
    options.fail_on_loss = false;
    if (source_can(f->c->source, SOURCE_HAS_JOURNAL)) {
        rc = source_resolve_base(f->c->source, "snapshot", &cut, err);
        if (f->c->options->cut != NULL) /* the increments do not say what ends meanwhile */
            cut.moment_ms = f->c->options->cut->moment_ms;
        options.cut = &cut;
    }
    base.output = path;
    base.options = &options;
    base.commands_follow = true;
    if (rc == 0)
        rc = sink_rdb.run(&base, err);
    f->c->result->written = false; /* nothing is under OUTPUT yet */
    f->base_bytes = f->c->result->bytes_out;
    f->base_databases = f->c->result->databases;
    cut_release(&cut);
    free(path);
    return rc;
}

static int open_part(struct aof_form *f, struct ft_err *err)
{
    char *path = NULL;
    int rc;

    if (!f->multi_part)
        path = join(f->files, AOF_NAME);
    else if (asprintf(&path, "%s/" AOF_NAME ".%" PRIu64 ".incr.aof", f->files,
                      f->c->result->parts + 1) < 0)
        path = NULL;
    if (path == NULL)
        return err_nomem(err, "an AOF file");
    rc =
        f->multi_part ? resp_file_open(&f->file, path, err) : resp_file_append(&f->file, path, err);
    free(path);
    if (rc != 0)
        return -1;
    f->file.databases.limit = f->c->options->databases;
    f->part_open = true;
    f->marked_s = 0; /* each part begins with a mark */
    f->c->result->parts++;
    return 0;
}

static int close_part(struct aof_form *f, struct ft_err *err)
{
    int rc = 0;

    if (f->part_open) {
        rc = resp_file_finish(&f->file, err);
        f->c->result->commands += f->file.commands;
        f->c->result->bytes_out += resp_file_bytes(&f->file);
        if (f->file.databases.needed > f->c->result->databases)
            f->c->result->databases = f->file.databases.needed;
    }
    resp_file_release(&f->file);
    f->part_open = false;
    return rc;
}

/* Marks never go back: redis-check-aof cuts at the first one that is too late. */
static int mark_time(struct aof_form *f, uint64_t time_us, struct ft_err *err)
{
    uint64_t second = time_us / 1000000;
    struct buf line = {0};
    int rc;

    if (!f->multi_part || second <= f->marked_s)
        return 0;
    f->marked_s = second;
    rc = buf_printf(&line, err, "#TS:%" PRIu64 "\r\n", second);
    if (rc == 0)
        rc = resp_file_put_raw(&f->file, buf_bytes(&line), err);
    buf_release(&line);
    return rc;
}

static int take_record(void *context, const struct item *item, const struct translation *t,
                       struct ft_err *err)
{
    struct aof_form *f = context;
    uint64_t part_bytes = f->c->options->part_bytes;

    if (f->part_open && f->multi_part && resp_file_bytes(&f->file) >= part_bytes &&
        close_part(f, err) != 0)
        return -1;
    if (!f->part_open && open_part(f, err) != 0)
        return -1;
    if (mark_time(f, item->time_us, err) != 0)
        return -1;
    return record_writer_put(&f->records, item, t, err);
}

static int pump_records(struct aof_form *f, struct ft_err *err)
{
    const struct pump_options how = {
        .translator = f->translator, .suspects = f->c->suspects, .losses = f->c->losses};
    const struct pump_options options = convert_pump_options(f->c, &how);
    const struct item_sink sink = {.context = f, .record = take_record};
    struct convert_result *r = f->c->result;
    struct pump *p;
    int rc;

    if (pump_new(&p, &options, &sink, err) != 0)
        return -1;
    rc = pump_journal(p, f->c->options->cut, err);
    r->journal = pump_counts(p)->journal;
    r->records_filtered = pump_counts(p)->records_filtered;
    pump_free(p);
    return rc;
}

static int write_journal(struct aof_form *f, struct ft_err *err)
{
    const struct convert_options *o = f->c->options;

    if (o->cut == NULL || o->cut->is_snapshot)
        return 0;
    f->records = (struct record_writer){.file = &f->file, .losses = f->c->losses};
    if (journal_translator_new(&f->translator, f->c->source, o->target, o->json_as, err) != 0)
        return -1;
    translator_set_moment(f->translator, cut_moment_ms(o->cut, 0));
    return pump_records(f, err) != 0 ? -1 : close_part(f, err);
}

/* A server that lacks databases of the journal refuses the base, instead of a SELECT among the commands. */
static int name_databases(struct aof_form *f, struct ft_err *err)
{
    uint32_t needed = f->c->result->databases;
    char *path;
    int rc;

    if (needed <= f->base_databases)
        return 0;
    path = join(f->files, f->multi_part ? AOF_BASE : AOF_NAME);
    if (path == NULL)
        return err_nomem(err, "an AOF directory");
    rc = rdb_file_raise_database(path, f->base_bytes, needed - 1, err);
    free(path);
    return rc;
}

static int write_manifest(struct aof_form *f, struct ft_err *err)
{
    char *path = join(f->files, AOF_MANIFEST);
    struct buf text = {0};
    int rc;

    if (path == NULL)
        return err_nomem(err, "an AOF manifest");
    rc = buf_append_str(&text, "file " AOF_BASE " seq 1 type b\n", err);
    for (uint64_t i = 1; rc == 0 && i <= f->c->result->parts; i++) {
        rc = buf_printf(&text, err,
                        "file " AOF_NAME ".%" PRIu64 ".incr.aof seq %" PRIu64 " type i\n", i, i);
    }
    if (rc == 0)
        rc = fs_replace_file(AT_FDCWD, path, buf_bytes(&text), err);
    buf_release(&text);
    free(path);
    return rc;
}

static int publish(struct aof_form *f, struct ft_err *err)
{
    if (f->mode != 0 && chmod(f->dir, f->mode) != 0)
        return err_errno(err, errno, "could not set the mode of \"%s\"", f->dir);
    if (convert_check_losses(f->c, err) != 0 || (f->multi_part && write_manifest(f, err) != 0) ||
        fs_sync_dir(AT_FDCWD, f->dir, err) != 0 ||
        fs_rename_durable(AT_FDCWD, f->dir, f->output, err) != 0)
        return -1;
    f->dir_made = false;
    f->c->result->written = true;
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

static void release(struct aof_form *f)
{
    resp_file_release(&f->file);
    translator_free(f->translator);
    if (f->dir_made)
        (void)nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS); /* likewise */
    free(f->files);
    free(f->dir);
    free(f->output);
}

static int run(const struct conversion *c, struct ft_err *err)
{
    struct aof_form f = {.c = c, .multi_part = c->options->target->version >= MULTI_PART_VERSION};
    int rc = -1;

    if (prepare_dir(&f, c->output, err) == 0 && write_base(&f, err) == 0 &&
        write_journal(&f, err) == 0 && name_databases(&f, err) == 0)
        rc = publish(&f, err);
    release(&f);
    return rc;
}

const struct output_form sink_aof = {
    .name = "aof",
    .help = "a directory for redis-server --appendonly yes --dir\nOUTPUT",
    .run = run,
};
