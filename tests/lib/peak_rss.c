/*
 * peak_rss - run a command and tell the largest memory it ever had resident.
 *
 *   peak-rss FILE COMMAND ARG...
 *
 * Writes the peak in KiB to FILE and exits as the command does; 128 and the signal if one ended it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    FILE *out;
    pid_t pid;

    if (argc < 3) {
        fputs("usage: peak-rss FILE COMMAND ARG...\n", stderr);
        return 2;
    }
    pid = fork();
    if (pid == 0) {
        (void)execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
        return 126;
    out = fopen(argv[1], "w");
    if (out == NULL || fprintf(out, "%ld\n", usage.ru_maxrss) < 0 || fclose(out) != 0)
        return 126;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
