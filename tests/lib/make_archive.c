/*
 * make-archive - a packed capture made again with something wrong in it.
 *
 *   make-archive KIND IN OUT    the first segment is the one that is not as it should be
 *
 * absolute, parent, symlink, hardlink, fifo, directory: another name or kind of member; twice, missing,
 * zeros (all of its bytes); huge (the manifest says 2 GB, of which all but the header are zeros); many (a
 * hundred thousand empty members); after (a member after the last one). Exit status 0, or 1 with a message.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HUGE_BYTES   UINT64_C(2000000000)
#define HEADER_BYTES 96
#define MANY         100000
#define CHUNK_BYTES  (1u << 20)

struct member {
    const char *name;
    char *data;
    size_t size;
};

static void die(struct archive *a, const char *what)
{
    fprintf(stderr, "make-archive: %s: %s\n", what, archive_error_string(a));
    exit(1);
}

static void put(struct archive *out, const char *name, unsigned type, const char *link,
                const char *data, size_t size, uint64_t claimed)
{
    static const char zeros[CHUNK_BYTES];
    struct archive_entry *e = archive_entry_new();

    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, link != NULL && type == AE_IFLNK ? AE_IFLNK : type);
    archive_entry_set_perm(e, 0644);
    if (link != NULL && type == AE_IFLNK)
        archive_entry_set_symlink(e, link);
    else if (link != NULL)
        archive_entry_set_hardlink(e, link);
    archive_entry_set_size(e, (la_int64_t)claimed);
    if (archive_write_header(out, e) != ARCHIVE_OK ||
        (size > 0 && archive_write_data(out, data, size) < 0))
        die(out, name);
    for (uint64_t at = size; at < claimed;) {
        size_t n = claimed - at < sizeof(zeros) ? (size_t)(claimed - at) : sizeof(zeros);

        if (archive_write_data(out, zeros, n) < 0)
            die(out, name);
        at += n;
    }
    archive_entry_free(e);
}

/* The first file_bytes of the manifest, which are those of the first segment, become many. */
static char *claim(const char *manifest, size_t n, size_t *ret_n)
{
    static const char key[] = "\"file_bytes\": ";
    const char *at = memmem(manifest, n, key, sizeof(key) - 1);
    size_t before = at == NULL ? n : (size_t)(at - manifest) + sizeof(key) - 1;
    size_t digits = strspn(manifest + before, "0123456789");
    char *text = malloc(n + 32);

    memcpy(text, manifest, before);
    *ret_n = before + (size_t)sprintf(text + before, "%llu", (unsigned long long)HUGE_BYTES);
    memcpy(text + *ret_n, manifest + before + digits, n - before - digits);
    *ret_n += n - before - digits;
    return text;
}

static void put_wrong(struct archive *out, const char *kind, const struct member *m)
{
    char name[64];

    if (strcmp(kind, "absolute") == 0)
        put(out, "/flowtape-was-here", AE_IFREG, NULL, m->data, m->size, m->size);
    else if (strcmp(kind, "parent") == 0)
        put(out, "gen-0001/../../was-here", AE_IFREG, NULL, m->data, m->size, m->size);
    else if (strcmp(kind, "symlink") == 0)
        put(out, m->name, AE_IFLNK, "/etc/passwd", NULL, 0, 0);
    else if (strcmp(kind, "hardlink") == 0)
        put(out, m->name, AE_IFREG, "capture.json", NULL, 0, 0);
    else if (strcmp(kind, "fifo") == 0)
        put(out, m->name, AE_IFIFO, NULL, NULL, 0, 0);
    else if (strcmp(kind, "directory") == 0)
        put(out, "gen-0001", AE_IFDIR, NULL, NULL, 0, 0);
    else if (strcmp(kind, "zeros") == 0)
        put(out, m->name, AE_IFREG, NULL, NULL, 0, m->size);
    else if (strcmp(kind, "huge") == 0)
        put(out, m->name, AE_IFREG, NULL, m->data, HEADER_BYTES, HUGE_BYTES);
    for (int i = 0; strcmp(kind, "twice") == 0 && i < 2; i++)
        put(out, m->name, AE_IFREG, NULL, m->data, m->size, m->size);
    for (int i = 0; strcmp(kind, "many") == 0 && i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "gen-0001/%d", i);
        put(out, name, AE_IFREG, NULL, NULL, 0, 0);
    }
}

static void put_member(struct archive *out, const char *kind, size_t index, const struct member *m)
{
    char *text;
    size_t n;

    if (index == 0 && strcmp(kind, "huge") == 0) {
        text = claim(m->data, m->size, &n);
        put(out, m->name, AE_IFREG, NULL, text, n, n);
        free(text);
    } else if (index == 1 && strcmp(kind, "after") != 0) {
        put_wrong(out, kind, m);
    } else {
        put(out, m->name, AE_IFREG, NULL, m->data, m->size, m->size);
    }
}

static void copy(const char *kind, struct archive *in, struct archive *out)
{
    struct archive_entry *e;
    size_t index = 0;

    while (archive_read_next_header(in, &e) == ARCHIVE_OK) {
        struct member m = {.name = archive_entry_pathname(e),
                           .size = (size_t)archive_entry_size(e)};

        m.data = malloc(m.size + 1);
        if (archive_read_data(in, m.data, m.size) != (la_ssize_t)m.size)
            die(in, m.name);
        put_member(out, kind, index++, &m);
        free(m.data);
    }
    if (strcmp(kind, "after") == 0)
        put(out, "after", AE_IFREG, NULL, NULL, 0, 0);
}

int main(int argc, char **argv)
{
    struct archive *in = archive_read_new();
    struct archive *out = archive_write_new();

    if (argc != 4) {
        fprintf(stderr, "usage: make-archive KIND IN OUT\n");
        return 1;
    }
    archive_read_support_filter_zstd(in);
    archive_read_support_format_tar(in);
    archive_write_set_format_pax_restricted(out);
    archive_write_add_filter_zstd(out);
    archive_write_set_filter_option(out, "zstd", "compression-level", "1");
    if (archive_read_open_filename(in, argv[2], CHUNK_BYTES) != ARCHIVE_OK)
        die(in, argv[2]);
    if (archive_write_open_filename(out, argv[3]) != ARCHIVE_OK)
        die(out, argv[3]);
    copy(argv[1], in, out);
    if (archive_write_close(out) != ARCHIVE_OK)
        die(out, argv[3]);
    archive_read_free(in);
    archive_write_free(out);
    return 0;
}
