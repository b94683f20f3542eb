#!/bin/sh
# The status page in a real browser, steered through its debugging pipe as a person would by keyboard: while a sync runs,
# is cut, resumes and is cut over. SCREENSHOTS=DIR keeps pictures of it.
. "${0%/*}/../lib/sh_lib.sh"
. "${0%/*}/../lib/sync_lib.sh"
command -v chromium >/dev/null 2>&1 || t_skip "no chromium"
command -v stdbuf >/dev/null 2>&1 || t_skip "no stdbuf"
t_begin
need_redis

#
# The browser
#

# Each message ends with a NUL byte, which no line of a text file can hold.
browser_start()
{
    mkfifo "$T/to" "$T/from"
    stdbuf -o0 tr '\0' '\n' <"$T/from" >"$T/browser.out" &
    PIDS="$PIDS $!"
    HOME=$T chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
        --disable-background-networking --no-proxy-server --user-data-dir="$T/profile" \
        --remote-debugging-pipe about:blank 3<"$T/to" 4>"$T/from" >"$T/browser.log" 2>&1 &
    PIDS="$PIDS $!"
    exec 5>"$T/to"
    echo 0 >"$T/asked"
    SESSION=
}

# ask METHOD [PARAMS] - what came back is in $T/answer. The number of the last one is kept in a file, as subshells ask too.
ask()
{
    t_asked=$(($(cat "$T/asked") + 1))
    echo $t_asked >"$T/asked"
    printf '{"id":%d%s,"method":"%s","params":%s}\0' $t_asked "$SESSION" "$1" "${2:-"{}"}" >&5
    t_until grep -q "^{\"id\":$t_asked," "$T/browser.out" || fail "$1 was not answered" "$T/browser.log"
    grep "^{\"id\":$t_asked," "$T/browser.out" >"$T/answer"
}

# js EXPRESSION - its value; without double quotes and backslashes
js()
{
    ask Runtime.evaluate "{\"expression\":\"$1\",\"returnByValue\":true}"
    json "$T/answer" result/result/value
}

# js_is EXPRESSION VALUE
js_is()
{
    [ "$(js "$1")" = "$2" ]
}

# press KEY CODE [TEXT] - down and up
press()
{
    t_key="\"key\":\"$1\",\"code\":\"$1\",\"windowsVirtualKeyCode\":$2"
    ask Input.dispatchKeyEvent "{\"type\":\"keyDown\",$t_key${3:+,\"text\":\"$3\"}}"
    ask Input.dispatchKeyEvent "{\"type\":\"keyUp\",$t_key}"
}

# tab_to ID - by the tabulator alone
tab_to()
{
    t_tabs=0
    while [ $t_tabs -lt 20 ]; do
        js_is "document.activeElement.id || document.activeElement.value" "$1" && return 0
        press Tab 9
        t_tabs=$((t_tabs + 1))
    done
    return 1
}

# text ID - what is shown
text()
{
    js "document.getElementById('$1').innerText"
}

shows()
{
    text "$1" | grep -Eq -- "$2"
}

picture()
{
    [ -n "${SCREENSHOTS:-}" ] || return 0
    ask Page.captureScreenshot '{"captureBeyondViewport":true}'
    json "$T/answer" result/data | base64 -d >"$SCREENSHOTS/$1.png"
}

#
# What is seen
#

echo sesame-42 >"$T/token"
standin_start "$RECORDINGS/live-4" --write-rate 60 --drop-at 1:110000
redis_start
"$FLOWTAPE" sync "$URI" "$REDIS" --dir "$T/dir" --on-loss skip --status-listen "$T_HOST:0" --allow-control \
    --status-token-file "$T/token" >"$T/sync.out" 2>&1 &
SYNC_PID=$!
PIDS="$PIDS $SYNC_PID"
t_says "$T/sync.out" 'status page is http' || fail "where the page is" "$T/sync.out"
PAGE=$(sed -n 's/.*status page is \(http.*\)$/\1/p' "$T/sync.out" | head -n 1)

browser_start
ask Target.createTarget "{\"url\":\"$PAGE\"}"
ask Target.attachToTarget "{\"targetId\":\"$(json "$T/answer" result/targetId)\",\"flatten\":true}"
SESSION=",\"sessionId\":\"$(json "$T/answer" result/sessionId)\""
ask Log.enable
ask Runtime.enable
ask Emulation.setFocusEmulationEnabled '{"enabled":true}'

check "it follows" t_until shows state following
check "title" js_is document.title "flowtape sync: following"
check "the track" js_is "document.querySelectorAll('#phases li.done').length" 3
check "where it is on the track" js_is "document.querySelector('[aria-current]').textContent" following
check "flows" t_until js_is "document.querySelectorAll('#flows tr').length" 4
check "numbers" shows numbers 'records applied'
check "losses" shows losses '× json'
check "log" t_until shows log 'caught up'
check "plots" t_until js_is "document.querySelectorAll('#plots svg').length" 7
check "plots say in words what they show" js_is \
    "[...document.querySelectorAll('#plots svg')].every(e => /now .*at most/.test(e.getAttribute('aria-label')))" true
check "cut, and resumed" t_until js_is \
    "[...document.querySelectorAll('#numbers div')].find(e => e.textContent.startsWith('sessions')).lastChild.textContent" 2
check "a plot has a line" t_until js_is \
    "document.querySelector('#plots path.line').getAttribute('d').length > 10" true

# Each size in each colour.
for scheme in light dark; do
    ask Emulation.setEmulatedMedia "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"$scheme\"}]}"
    js "getComputedStyle(document.body).backgroundColor" >"$T/paper.$scheme"
    for width in 360 1100; do
        ask Emulation.setDeviceMetricsOverride \
            "{\"width\":$width,\"height\":800,\"deviceScaleFactor\":1,\"mobile\":false}"
        check "$scheme, $width: nothing is cut off" js_is \
            "document.documentElement.scrollWidth <= innerWidth" true
        picture "$scheme-$width"
    done
done
check "light is not dark" [ "$(cat "$T/paper.light")" != "$(cat "$T/paper.dark")" ]
check "nothing from elsewhere" js_is \
    "performance.getEntriesByType('resource').every(e => e.name.startsWith(location.origin) || e.name.startsWith('data:'))" true

#
# Cut over, by keyboard
#

check "to the token" tab_to token
ask Input.insertText '{"text":"sesame"}'
check "to the mode" tab_to mode
press p 80 p
check "the mode" js_is "document.getElementById('mode').value" pause
check "to the button" tab_to begin
press Enter 13 '\r'
check "it asks" js_is "document.getElementById('sure').open" true
check "no is what is proposed" js_is "document.activeElement.value" no
tab_to yes
press Enter 13 '\r'
check "a wrong token" t_until shows answer 'missing or wrong'
check "to the token again" tab_to token
js "document.getElementById('token').select()" >/dev/null
ask Input.insertText '{"text":"sesame-42"}'
tab_to begin
press Enter 13 '\r'
tab_to yes
press Enter 13 '\r'
check "asked for" t_until shows answer 'asked for'
check "it holds" t_until shows cutover holding
check "phase" shows state 'cutting over'
picture holding
tab_to confirm
press Enter 13 '\r'
tab_to yes
press Enter 13 '\r'
ends_with "sync" 0
check "the page says that it is over" t_until js_is "document.getElementById('trouble').hidden" false
check "no error of the page" [ -z "$(grep -E '"method":"Runtime.exceptionThrown"|Content Security Policy' "$T/browser.out")" ]
standin_stop

t_end
