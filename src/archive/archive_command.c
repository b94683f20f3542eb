#include "archive/archive_command.h"

#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/shell_command.h"

int archive_command_check(const char *command, struct ft_err *err)
{
    bool names_file = false;

    for (const char *p = strchr(command, '%'); p != NULL; p = strchr(p + 2, '%')) {
        if (p[1] != 'p' && p[1] != 'f' && p[1] != '%')
            return err_set(err, FT_ERR_USAGE, "a command has %%p, %%f or %%%%, not \"%.2s\"", p);
        names_file |= p[1] != '%';
    }
    return names_file
               ? 0
               : err_set(err, FT_ERR_USAGE,
                         "the command has neither %%p (the path of the file) nor %%f (its name)");
}

static int expand(struct buf *ret, const char *command, const char *path, const char *name,
                  struct ft_err *err)
{
    for (const char *p = command; *p != '\0'; p++) {
        const char *piece = *p != '%' ? NULL : p[1] == 'p' ? path : p[1] == 'f' ? name : "%";
        int rc = piece == NULL ? buf_append(ret, p, 1, err) : buf_append_str(ret, piece, err);

        if (rc != 0)
            return -1;
        p += piece != NULL;
    }
    return buf_append(ret, "", 1, err);
}

static int take_status(int status, struct ft_err *err)
{
    if (WIFSIGNALED(status)) {
        return err_set(err, FT_ERR_NET, "the command was ended by signal %d", WTERMSIG(status));
    }
    if (WEXITSTATUS(status) == 0)
        return 0;
    return err_set(err, FT_ERR_NET, "the command ended with status %d", WEXITSTATUS(status));
}

int archive_command_run(const char *command, const char *path, const char *name,
                        uint64_t timeout_ms, bool (*cancelled)(void *context), void *context,
                        struct ft_err *err)
{
    struct buf text = {0};
    int status = 0;
    int rc = expand(&text, command, path, name, err);

    if (rc == 0) {
        const struct shell_command c = {.text = (const char *)text.p,
                                        .timeout_ms = timeout_ms,
                                        .cancelled = cancelled,
                                        .context = context};

        rc = shell_command_run(&c, &status, err);
    }
    buf_release(&text);
    return rc == 0 ? take_status(status, err) : rc;
}
