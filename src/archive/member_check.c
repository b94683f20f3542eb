#include "archive/member_check.h"

#include <inttypes.h>
#include <string.h>

#include "archive/libarchive.h"
#include "base/bytes.h"

#define NAME_SHOWN 200

static bool leads_out(const char *name)
{
    for (const char *p = name; p != NULL; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return true;
    }
    return false;
}

/* What is wrong with a name or a kind whatever was expected; NULL: nothing. */
static const char *hostile(struct archive_entry *e, const char *name)
{
    if (libarchive.archive_entry_hardlink(e) != NULL ||
        libarchive.archive_entry_symlink(e) != NULL ||
        libarchive.archive_entry_filetype(e) == AE_IFLNK)
        return "is a link";
    if (name[0] == '/')
        return "has an absolute name";
    if (leads_out(name))
        return "leads out of the directory";
    if (libarchive.archive_entry_filetype(e) != AE_IFREG)
        return "is not a regular file";
    return NULL;
}

int member_check(struct archive_entry *e, const char *expected, uint64_t bytes, struct ft_err *err)
{
    const char *name = libarchive.archive_entry_pathname(e);
    const char *wrong;
    char shown[NAME_SHOWN];

    if (name == NULL)
        name = "";
    (void)bytes_escape(bytes_str(name), shown, sizeof(shown)); /* always ends */
    wrong = hostile(e, name);
    if (wrong != NULL)
        return err_set(err, FT_ERR_CORRUPT, "member \"%s\" %s", shown, wrong);
    if (expected == NULL) {
        return err_set(err, FT_ERR_CORRUPT, "member \"%s\" comes where the archive should end",
                       shown);
    }
    if (strcmp(name, expected) != 0) {
        return err_set(err, FT_ERR_CORRUPT, "member \"%s\" comes where \"%s\" should", shown,
                       expected);
    }
    if (bytes == MEMBER_ANY_SIZE)
        return 0;
    if (!libarchive.archive_entry_size_is_set(e) ||
        (uint64_t)libarchive.archive_entry_size(e) != bytes) {
        return err_set(err, FT_ERR_CORRUPT,
                       "member \"%s\" has %" PRIu64 " bytes, the manifest says %" PRIu64, shown,
                       (uint64_t)libarchive.archive_entry_size(e), bytes);
    }
    return 0;
}
