#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The sinks http and https against nginx: what its log and its files have of the records, with passwords, limits, TLS, and while it is away.
. tests/cli/tap.inc
# shellcheck source=tests/cli/certificates.inc
. tests/cli/certificates.inc

nginx=$(command -v nginx || echo /usr/sbin/nginx)
[ -x "$nginx" ] || { echo 'no nginx here: scripts/setup test installs it' >&2 && exit 77; }
command -v openssl >/dev/null || { echo 'no openssl here to make certificates with: scripts/setup test installs it' >&2 && exit 77; }
"$weir" list sinks | grep -A 1 '^  http:' | grep -q 'not usable' && { echo 'this build has no http' >&2 && exit 77; }
server=
trap 'kill $server 2>/dev/null; wait $server; rm -rf "$work"' EXIT

# --- the server --------------------------------------------------------------

configure() { # PORT: TLS is on the next two
    cat <<END
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
pid $work/nginx.pid;
daemon off;
worker_processes 1;
error_log $work/nginx.log;
events { }
http {
    access_log off;
    client_body_temp_path $work/tmp;
    proxy_temp_path $work/tmp; fastcgi_temp_path $work/tmp; uwsgi_temp_path $work/tmp; scgi_temp_path $work/tmp;
    client_body_buffer_size 2m;
    client_max_body_size 2m;
    log_format body escape=none '\$request_body';
    log_format facts escape=none '\$request_method \$uri \$content_type \$http_idempotency_key \$http_x_site';
    server {
        listen 127.0.0.1:$1;
        root $work/www;
        location = /taken { return 204; }
        location = /in {
            access_log $work/body.log body;
            access_log $work/facts.log facts;
            proxy_pass http://127.0.0.1:$1/taken;
        }
        location = /private {
            access_log $work/body.log body;
            auth_basic weir;
            auth_basic_user_file $work/users;
            proxy_pass http://127.0.0.1:$1/taken;
        }
        location = /api/v2/write {
            access_log $work/body.log body;
            access_log $work/facts.log facts;
            proxy_pass http://127.0.0.1:$1/taken;
        }
        location = /our-machine {
            access_log $work/body.log body;
            proxy_pass http://127.0.0.1:$1/taken;
        }
        location = /small {
            client_max_body_size 100;
            access_log $work/body.log body;
            proxy_pass http://127.0.0.1:$1/taken;
        }
        location = /bad { return 422 'no such field'; }
        location /files/ { dav_methods PUT; }
    }
    server {
        listen 127.0.0.1:$(($1 + 1)) ssl;
        ssl_certificate $work/right.crt;
        ssl_certificate_key $work/right.key;
        location = /in { access_log $work/body.log body; proxy_pass http://127.0.0.1:$1/taken; }
    }
    server {
        listen 127.0.0.1:$(($1 + 2)) ssl;
        ssl_certificate $work/elsewhere.crt;
        ssl_certificate_key $work/elsewhere.key;
        location = /in { return 204; }
    }
}
END
}

is_up() {
    [ -s "$work/nginx.pid" ] || ! kill -0 "$server" 2>/dev/null
}

serve() { # [PORT]: another is tried where one is taken
    for port in ${1:-$(shuf -i 20000-30000 -n 5)}; do
        configure "$port" >"$work/nginx.conf"
        rm -f "$work/nginx.pid"
        "$nginx" -p "$work" -c "$work/nginx.conf" >"$work/nginx.out" 2>&1 &
        server=$!
        within 5 is_up
        [ -s "$work/nginx.pid" ] && return
    done
    cat "$work/nginx.out" >&2
    echo 'nginx does not start' >&2
    return 1
}

unserve() {
    kill "$server"
    wait "$server" 2>/dev/null
}

# --- what is sent ------------------------------------------------------------

counter='synth:counter rate=max'

# The records of that many, as they are written without their time; with another command behind, what its input was.
numbers() { # N
    seq 0 $(($1 - 1)) | sed 's/.*/{"value":&}/'
}

sends() { # N TARGET ARGUMENT…: these arrive in /in, in order, and no others
    n=$1 target=$2
    shift 2
    : >"$work/body.log"
    "$weir" run -q --strict -n "$n" "$counter | $target time=none $*" && numbers "$n" >"$work/expected" &&
        grep . "$work/body.log" | diff "$work/expected" - >&2
}

ends() { # STATUS TEXT PROGRAM: with that message
    timeout 30 "$weir" run --strict -n 3 "$3" 2>"$work/err"
    same "$1" $? && grep -q "$2" "$work/err" && return
    cat "$work/err" >&2
    return 1
}

puts_a_file() {
    "$weir" run -q --strict -n 1 "$counter | http://127.0.0.1:$port/files/one.json method=PUT batch=1 time=none" &&
        same '{"value":0}' "$(cat "$work/www/files/one.json")"
}

says_what_it_is() { # of two requests, the first with one record
    "$weir" run -q --strict -n 3 "$counter | http://127.0.0.1:$port/in header='X-Site: attic' batch_time=1h" &&
        tail -n 2 "$work/facts.log" >"$work/facts" &&
        same 2 "$(grep -cE '^POST /in application/x-ndjson [0-9a-f]{16}(-[0-9a-f]+){1,2} attic$' "$work/facts")"
}

keeps_silent() { # the secret is in no message
    ends 3 '401 Unauthorized' "$counter | http://ann@127.0.0.1:$port/private password_file=$work/wrong" && ! grep -q 'opensesam' "$work/err"
}

waits_on_disk() {
    unserve
    "$weir" run -n 100 "$counter | http://127.0.0.1:$port/in time=none spool=1MiB spool_dir=$work/spool linger=0s" 2>"$work/err" &&
        grep -q '100 waiting on disk' "$work/err"
}

comes_later() {
    serve "$port" || return
    : >"$work/body.log"
    "$weir" run -q --strict -n 1 "$counter | http://127.0.0.1:$port/in time=none spool=1MiB spool_dir=$work/spool" &&
        { numbers 100 && numbers 1; } >"$work/expected" && grep . "$work/body.log" | diff "$work/expected" - >&2
}

all_sent() {
    [ "$(grep -c . "$work/body.log")" -ge 1000 ]
}

is_waited_for() { # a server that is away in the middle of a run
    : >"$work/body.log"
    "$weir" run --strict -n 1000 "synth:counter rate=500Hz | http://127.0.0.1:$port/in time=none batch=20" 2>"$work/err" &
    run=$!
    await grep -q . "$work/body.log"
    unserve
    await grep -q 'connection to\|do not last' "$work/err"
    serve "$port" || return
    wait "$run" && await all_sent
    grep . "$work/body.log" | sort -u >"$work/sorted" && numbers 1000 | sort | diff - "$work/sorted" >&2
}

# Each temperature as a line of the protocol, its time of 1970 or later.
is_line_protocol() {
    : >"$work/body.log"
    "$weir" run -q --strict examples/house-to-influx.weir "server=127.0.0.1:$port" "spool=$work/influx" &&
        same "$(grep -ciE '^[^,]*/temp,' examples/data/house.csv)" "$(grep -cE '^weir room="[^"]+"(,temp=[-0-9.e]+)? [0-9]+$' "$work/body.log")" &&
        grep -q 'room="küche",temp=19.5' "$work/body.log"
}

# The changes of state, computed from the file: at first cool, then in turns.
changes() {
    awk -F, 'NR == 1 { print "the machine is cool"; next }
        !on && $3 > 63 { on = 1; print "the machine is hot" }
        on && $3 < 50 { on = 0; print "the machine is cool" }' examples/data/machine.csv
}

notify() {
    "$weir" run -q examples/notify.weir "server=127.0.0.1:$port" "spool=$work/notify"
}

# A server that is away while the process is there, which is killed: the next run has none of these changes.
each_change_arrives_once() {
    : >"$work/body.log"
    changes >"$work/expected"
    [ "$(wc -l <"$work/expected")" -gt 4 ] || return
    unserve
    notify 2>"$work/err" &
    run=$!
    await grep -q 'no connection to' "$work/err"
    await all_are_on_disk
    kill -9 "$run"
    wait "$run" 2>/dev/null
    serve "$port" || return
    "$weir" run -q -n 1 "synth:counter rate=max | select text = \"again\" | \
        http://127.0.0.1:$port/our-machine format=text batch=1 spool=1MiB spool_dir=$work/notify" || return
    echo again >>"$work/expected"
    grep . "$work/body.log" | diff "$work/expected" - >&2
}

all_are_on_disk() { # the last of them, in whole
    [ "$(cat "$work"/notify/*.seg 2>/dev/null | tr -d '\0' | grep -ao 'the machine is [a-z]*' | wc -l)" -eq "$(wc -l <"$work/expected")" ]
}

voucher good
voucher other
certificate right good IP:127.0.0.1 2
certificate elsewhere good DNS:elsewhere.example 2
mkdir "$work/www" "$work/www/files" "$work/tmp"
echo 'ann:{PLAIN}opensesame' >"$work/users"
echo opensesame >"$work/password"
echo opensesamE >"$work/wrong"
serve || exit 1

ok 'records arrive as lines of JSON, in order' sends 2000 "http://127.0.0.1:$port/in" batch=100
ok 'a request says what it has, and has an id' says_what_it_is
ok 'PUT makes a file' puts_a_file
ok 'examples/house-to-influx.weir sends lines of the protocol' is_line_protocol
ok 'a user is let in by the password of a file' sends 10 "http://ann@127.0.0.1:$port/private" "password_file=$work/password"
ok 'and else refused, with a message that has no password' keeps_silent
ok 'what is too large goes in smaller batches' sends 100 "http://127.0.0.1:$port/small" batch=12
ok 'a refused batch is counted' ends 4 '422.*: no such field' "$counter | http://127.0.0.1:$port/bad"
ok 'a place that is not there ends the run' ends 3 '404 Not Found' "$counter | http://127.0.0.1:$port/nowhere"
ok 'over TLS records arrive, too' sends 100 "https://127.0.0.1:$((port + 1))/in" "ca=$work/good.crt"
ok 'a certificate of an unknown authority is refused' ends 3 'certificate is not accepted' \
    "$counter | https://127.0.0.1:$((port + 1))/in ca=$work/other.crt"
ok 'also where the authorities are those of the system' ends 3 'certificate is not accepted' "$counter | https://127.0.0.1:$((port + 1))/in"
ok 'one for another host is refused' ends 3 'certificate is not accepted' "$counter | https://127.0.0.1:$((port + 2))/in ca=$work/good.crt"
ok 'unless any is accepted' "$weir" run -q --strict -n 1 "$counter | https://127.0.0.1:$((port + 2))/in verify=no"
ok 'a server that speaks no TLS is no server' ends 4 'no connection to' "$counter | https://127.0.0.1:$port/in ca=$work/good.crt linger=500ms"
ok 'while the server is away, messages wait on disk' waits_on_disk
ok 'and come with the next run, in order' comes_later
ok 'a server that comes back is found' is_waited_for
ok 'each change of a state arrives once, though the server is away and the sender killed' each_change_arrives_once
finish
