#!/bin/sh
# Every command of README.md, in its order: what builds has to be there, everything else is run.
. "${0%/*}/../lib/sh_lib.sh"
t_begin
need_redis
readme=$T_FIXTURES/../README.md
top=$T_FIXTURES/..

# The indented lines, each command in one.
sed -n 's/^    \(.*\)/\1/p' "$readme" | sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba' -e '}' >"$T/commands"
check "README.md has commands" [ "$(grep -c flowtape "$T/commands")" -gt 20 ]

recording=$(sed -n 's|^tests/standin-master \.\./fixtures/\([^ ]*\) .*|\1|p' "$T/commands")
standin_start "$T_FIXTURES/$recording"
redis_start
first_redis=$T/redis/sock

mkdir "$T/bin" "$T/here" "$T/scratch"
cd "$T/here" || exit 99
printf '[sync]\nsource = %s\ndir = capture\n' "$URI" >db1.conf
"$REDIS_SERVER" --port 0 --unixsocket "$T/scratch/sock" --dir "$T/scratch" --save '' --databases 64 >"$T/scratch.log" 2>&1 &
PIDS="$PIDS $!"
t_until test -S "$T/scratch/sock"

# Servers and clients of the commands are ours: a redis-server loads what it is to load and is asked for it.
cat >"$T/bin/flowtape" <<END
#!/bin/sh
exec '$FLOWTAPE' "\$@"
END
cat >"$T/bin/redis-cli" <<END
#!/bin/sh
case "\$*" in
*shutdown*) exit 0 ;;
*--pipe*) exec redis-cli -s '$T/scratch/sock' --pipe ;;
esac
[ "\$1" != -p ] || shift 2
PATH=$PATH exec redis-cli -s '$first_redis' "\$@"
END
sed -i "s|exec redis-cli -s '$T/scratch|PATH=$PATH exec redis-cli -s '$T/scratch|" "$T/bin/redis-cli"
cat >"$T/bin/load-it" <<END
#!/bin/sh
'$REDIS_SERVER' "\$@" --port 0 --unixsocket '$T/loaded.sock' --databases 64 >'$T/loaded.log' 2>&1 &
pid=\$!
tries=0
until [ "\$(PATH=$PATH redis-cli -s '$T/loaded.sock' dbsize 2>/dev/null)" -gt 0 ] 2>/dev/null; do
    tries=\$((tries + 1))
    [ \$tries -lt 600 ] || break
    sleep 0.1
done
kill \$pid
wait \$pid
[ \$tries -lt 600 ]
END
cat >"$T/bin/aws" <<END
#!/bin/sh
[ "\$1 \$2" = "s3 cp" ] && [ -s "\$3" ] && echo "\$4" >>'$T/archived'
END
chmod +x "$T/bin"/*

run()
{
    t_command=$(echo "$line" | sed -e "s|dragonfly://db1.example:6379|$URI|" -e "s|dragonfly://127.0.0.1:16379|$URI|" \
        -e "s|redis://127.0.0.1:16380|$REDIS|" -e "s|redis://127.0.0.1:6379|$REDIS|" -e 's|^\./flowtape|flowtape|' -e 's|^redis-server |load-it |')
    PATH=$T/bin:$PATH timeout 300 sh -c "$t_command"
}

# in_background FILE PATTERN - until it has said so
in_background()
{
    run >"$1" 2>&1 &
    BACK=$!
    PIDS="$PIDS $BACK"
    t_until grep -Eq "$2" "$1" || fail "$line: says \"$2\"" "$1"
}

while IFS= read -r line; do
    case $line in
    "sh contrib/"*)
        script=${line#sh }
        check "$line" [ -s "$top/${script%% *}" ]
        ;;
    autoreconf* | mkdir* | ../configure* | "make check"*)
        check "$line" [ -s "$top/configure.ac" ]
        ;;
    tests/standin-master*) check "$line" [ -s "$T_FIXTURES/$recording/meta.json" ] ;;
    "redis-server --port"*) check "$line" test -S "$first_redis" ;;
    "kill %1") ;;
    *snapshot-only*)
        check "$line" run
        ;;
    *"redis-cli"*"#"*)
        check "$line" [ "$(run)" = "$(echo "$line" | sed 's/.*# \([0-9]*\).*/\1/')" ]
        ;;
    "redis-cli"*)
        check "$line" run
        redis_stop # the second part begins with a target of its own
        redis_start
        ;;
    "flowtape sync"*)
        in_background "$T/sync.out" "caught up"
        sync_pid=$BACK
        ;;
    "flowtape cutover"*--mode*)
        in_background "$T/cutover.out" "confirm"
        cutover_pid=$BACK
        ;;
    "flowtape cutover"*--confirm*)
        check "$line" run
        ends "the cut-over" "$cutover_pid" 0 "$T/cutover.out"
        ends "the sync" "$sync_pid" 0 "$T/sync.out"
        ;;
    "flowtape capture"*--archive-to*)
        line="$line --until-caught-up" # it has no end of its own
        check "$line" run
        check "segments went elsewhere" grep -q '^s3://bucket/db1/.*\.seg$' "$T/archived"
        ;;
    *) check "$line" run ;;
    esac
done <"$T/commands"
check "what was unpacked is what was packed" diff -r "$T/here/capture/gen-0001" "$T/here/capture-again/gen-0001"
t_end
