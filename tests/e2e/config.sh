#!/bin/sh
# Options from files and from the environment, what flowtape config says of them, and the completions.
. "${0%/*}/../lib/sh_lib.sh"
t_begin

cat >"$T/a.conf" <<'END'
# of all commands
quiet = yes
[inspect]
key = user:*
[sync]
source = dragonfly://db1.example
target = redis://db2.example
rate = 5000
END
cd "$T" || exit 99

# --- what is in effect ---
FLOWTAPE_SYNC_RATE=6000 "$FLOWTAPE" config sync --config a.conf --dir here --key 'a*' >"$T/out" 2>&1
for line in "rate = 6000" "dir = here" "key = a\*" "quiet = yes" "source = dragonfly://db1.example" "target = redis://db2.example"; do
    check "config has $line" grep -qx "$line" "$T/out"
done
check "config says where: the environment" [ "$(grep -A1 FLOWTAPE_SYNC_RATE "$T/out" | tail -1)" = "rate = 6000" ]
check "config says where: the file" [ "$(grep -A1 a.conf:2 "$T/out" | tail -1)" = "quiet = yes" ]
check "config says where: the command line" [ "$(grep -A1 'command line' "$T/out" | head -2 | tail -1)" = "dir = here" ]
check "what config prints is a file" "$FLOWTAPE" config --config "$T/out" sync
"$FLOWTAPE" config --config out sync | grep '=' >"$T/again"
check "and says the same" [ -n "$(cat "$T/again")" ]
check "and says the same" [ "$(grep '=' "$T/out")" = "$(cat "$T/again")" ]
check_status "--all has defaults" 0 '^# default: 60s' "$FLOWTAPE" config --all capture
check_status "config without a command has all" 0 '^\[sync\]' "$FLOWTAPE" config --config a.conf
"$FLOWTAPE" config --config a.conf --json sync >"$T/config.json"
check "config as JSON" grep -q '"from": "file"' "$T/config.json"
check_status "a typed password is not shown" 0 'redis://:\*+@h' \
    "$FLOWTAPE" config sync dragonfly://a redis://:secret@h --dir here
check_status "a mistyped variable is named" 0 'FLOWTAPE_RAET is not the variable' \
    env FLOWTAPE_RAET=1 "$FLOWTAPE" config

# --- mistakes ---
bad()
{
    printf '%s\n' "$2" >"$T/bad.conf"
    check_status "$1" 2 "bad.conf:$3" "$FLOWTAPE" sync --config "$T/bad.conf"
}
bad "an unknown option" "[sync]
raet = 1" '2: sync does not have an option "raet"'
bad "an option of no command" "raet = 1" '1: no command has an option "raet"'
bad "an option of another command" "[sync]
until-caught-up = yes" '2: sync does not have'
bad "an unknown command" "[snyc]
rate = 1" '2: there is no command "snyc"'
bad "a bad value" "[sync]
on-loss = perhaps" '2: --on-loss takes'
bad "a flag that is neither" "[sync]
flush = perhaps" '2: --flush: wanted yes or no'
check_status "no such file" 1 'no.conf' "$FLOWTAPE" sync --config no.conf
check_status "help in spite of it" 0 'Usage' "$FLOWTAPE" sync --config no.conf --help
check_status "operands that are nowhere" 2 'wanted SOURCE and TARGET, got 0' "$FLOWTAPE" sync --dir x

# --- it works ---
live=$RECORDINGS/one-by-one
[ -d "$live" ] || live=$RECORDINGS/live-4
printf '[capture]\ndir = %s/cap\nuntil-caught-up = yes\n[inspect]\njson = yes\n' "$T" >"$T/work.conf"
standin_start "$live"
echo "source = $URI" | cat - "$T/work.conf" >"$T/whole.conf"
check "a capture described by a file" "$FLOWTAPE" capture --config "$T/whole.conf"
FLOWTAPE_CONFIG=$T/work.conf "$FLOWTAPE" inspect "$T/cap" >"$T/inspect.json"
check "FLOWTAPE_CONFIG" grep -q '^{' "$T/inspect.json"
FLOWTAPE_CONFIG=$T/work.conf "$FLOWTAPE" inspect --json=no "$T/cap" >"$T/inspect.txt"
check "a flag taken back" [ "$(grep -c '^{' "$T/inspect.txt")" = 0 ]
check "and the text is there" [ -s "$T/inspect.txt" ]

# --- versions ---
"$FLOWTAPE" --version --json >"$T/version.json"
check "the version as JSON" [ "$("$JSON_FIELD" version <"$T/version.json" 2>/dev/null || grep -c '"jansson"' "$T/version.json")" != 0 ]
check "the same by letter, of a command too" [ "$("$FLOWTAPE" -V)" = "$("$FLOWTAPE" capture -V)" ]
check_status "libraries" 0 '^libraries: lz4 [0-9.]+, zstd' "$FLOWTAPE" --version

# --- completions ---
if command -v bash >/dev/null; then
    cat >"$T/complete.bash" <<'END'
source <("$FLOWTAPE" completion bash)
complete_words() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _flowtape
    echo "${COMPREPLY[*]}"
}
complete_words flowtape cap
complete_words flowtape capture --snap
complete_words flowtape capture --compress z
complete_words flowtape convert --to ''
complete_words flowtape fixture sh
complete_words flowtape fixture make --wri
complete_words flowtape inspect --config a.c
END
    FLOWTAPE=$FLOWTAPE bash "$T/complete.bash" >"$T/completed"
    check "bash completes commands, options, values and files" [ "$(tr '\n' ',' <"$T/completed")" = \
        "capture,--snapshot-only,zstd,rdb resp aof json,shrink,--write-scenario,a.conf," ]
fi
for shell in zsh fish; do
    command -v $shell >/dev/null || continue
    "$FLOWTAPE" completion $shell >"$T/completion.$shell"
    check "$shell takes its completions" $shell -n "$T/completion.$shell"
done
if command -v fish >/dev/null; then
    fish --no-config -c "source $T/completion.fish; complete -C 'flowtape capture --snap'; \
        complete -C 'flowtape fixture sh'" >"$T/fish.out" 2>&1
    check "fish completes options" grep -q '^--snapshot-only' "$T/fish.out"
    check "fish completes commands of commands" grep -q '^shrink' "$T/fish.out"
fi
check_status "another shell" 2 'takes bash, zsh, fish' "$FLOWTAPE" completion tcsh
t_end
