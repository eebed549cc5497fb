#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The page in a real browser: it opens, values move, a chart has the numbers of the stream, it comes back after a restart, and it can be
# used on a phone and by the keyboard alone.
# tries: 2
. tests/cli/tap.inc
export WEIR_GUARD="$work/guard.sock" HOME="$work" XDG_CONFIG_HOME="$work" XDG_CACHE_HOME="$work"

command -v chromium >/dev/null || {
    echo 'no chromium here: scripts/setup browser installs it' >&2
    exit 77
}
program='a = synth:counter rate=1kHz | select n = value, twice = 2 * value
a | null
a | where n < 0 | null'
serve() { # PORT
    "$weir" run --http="127.0.0.1:$1" --name=shown --for 200s "$program" 2>"$work/said" &
    served=$!
    await grep -q '^weir: http' "$work/said"
    port=$(sed -n 's#^weir: http://127.0.0.1:\([0-9]*\)/#\1#p' "$work/said")
}
serve 0

# The browser takes commands from descriptor 3 and answers at 4: JSON, with a zero after each.
mkfifo "$work/commands" "$work/answers"
chromium --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$work/profile" --remote-debugging-pipe about:blank \
    3<"$work/commands" 4>"$work/answers" 2>/dev/null >&2 &
browser=$!
trap 'kill $served $browser 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
exec 8>"$work/commands" 9<"$work/answers"
: >"$work/log"
stdbuf -o0 tr '\0' '\n' <&9 >>"$work/log" &

echo 0 >"$work/count"
command() { # METHOD PARAMETERS: its answer is in $work/answer
    count=$(($(cat "$work/count") + 1)) # in a file, because $(…) is a process of its own
    echo "$count" >"$work/count"
    printf '{"id":%d,"method":"%s","params":%s%s}\0' "$count" "$1" "$2" "${session:+,\"sessionId\":\"$session\"}" >&8
    await grep -q "^{\"id\":$count," "$work/log" && grep "^{\"id\":$count," "$work/log" >"$work/answer"
}
evaluate() { # EXPRESSION, without double quotes: its value
    command Runtime.evaluate "{\"expression\":\"$1\",\"returnByValue\":true,\"awaitPromise\":true}" &&
        sed -n 's/.*"value":"\{0,1\}\([^",}]*\).*/\1/p' "$work/answer"
}
is() { # EXPRESSION
    [ "$(evaluate "$1")" = true ]
}
key() { # KEY CODE TEXT
    command Input.dispatchKeyEvent "{\"type\":\"keyDown\",\"key\":\"$1\",\"code\":\"$1\",\"windowsVirtualKeyCode\":$2,\"text\":\"$3\"}" &&
        command Input.dispatchKeyEvent "{\"type\":\"keyUp\",\"key\":\"$1\",\"code\":\"$1\",\"windowsVirtualKeyCode\":$2}"
}

session=
command Target.getTargets '{}'
target=$(grep -o '"targetId":"[^"]*","type":"page"' "$work/answer" | sed 's/"targetId":"\([^"]*\).*/\1/')
command Target.attachToTarget "{\"targetId\":\"$target\",\"flatten\":true}"
session=$(sed -n 's/.*"sessionId":"\([^"]*\)".*/\1/p' "$work/answer")
command Page.enable '{}'
command Page.navigate "{\"url\":\"http://127.0.0.1:$port/\"}"

moves() {
    before=$(evaluate 'newest.nodes[1].fields[0].value')
    sleep 0.7
    [ "$(evaluate 'newest.nodes[1].fields[0].value')" -gt "$before" ]
}
with_tab() { # the button of the first field is reached by the keyboard, and the space bar opens its chart
    for _ in 1 2 3 4 5 6 7 8; do
        key Tab 9 ''
        is "document.activeElement.getAttribute('aria-label') === 'Chart of a.n'" && break
    done
    key ' ' 32 ' '
    is "charts.has('a.n') !== $1"
}
ok 'the page opens and is live' await is "document.title.startsWith('shown') && document.getElementById('link').textContent === 'live'"
ok 'it has no error' is "typeof newest.nodes === 'object' && document.querySelectorAll('#values tr').length === 3"
ok 'values move' moves
ok 'the picture has each node, with its rate' is "document.querySelectorAll('#graph rect').length === 5 && / .s/.test(document.getElementById('rate1').textContent)"
evaluate "['a.n', 'a.twice'].forEach(k => charts.has(k) || rows.get(k).button.click())" >/dev/null
ok 'a chart begins with the history of the ring' await is "charts.get('a.n').t.length > 100"
# A record a millisecond, numbered: n follows from its time.
ok 'its numbers are those of the stream' is "(c => c.v.every((v, i) => Math.abs((c.t[i] - c.t[0]) / 1e6 - (v - c.v[0])) < 1e-3))(charts.get('a.n'))"
ok 'of each field' is "(c => c.v.every(v => v % 2 === 0))(charts.get('a.twice'))"
ok 'it is drawn' await is "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x))(charts.get('a.n').canvas)"
open=$(evaluate "charts.has('a.n')")
ok 'it opens and closes by the keyboard' with_tab "$open"
command Emulation.setDeviceMetricsOverride '{"width":360,"height":740,"deviceScaleFactor":2,"mobile":true}'
ok 'a phone shows it without scrolling aside' await is 'document.documentElement.scrollWidth <= 360'
command Emulation.setEmulatedMedia '{"features":[{"name":"prefers-color-scheme","value":"dark"}]}'
ok 'a dark theme is dark' await is "getComputedStyle(document.body).backgroundColor === 'rgb(20, 23, 28)'"
kill $served
wait $served 2>/dev/null
ok 'it says that the connection is lost' await is "document.getElementById('link').className === 'down'"
serve "$port"
ok 'and comes back after a restart' within 20 is "document.getElementById('link').className === 'live' && newest.pid === $served"
finish
