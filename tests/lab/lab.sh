# What the lab's scripts share; they source it. Everything can be set from the environment:
#   TIDEGATE_LAB       directory of all state (default: ${TMPDIR:-/tmp}/tidegate-lab)
#   TIDEGATE_LAB_APT   0: never install packages, say which are missing
#   PG_BINDIR          directory of initdb and postgres (default: the newest below /usr/lib/postgresql)
set -euo pipefail

LAB="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
REPO="$(cd "$LAB/../.." && pwd)"
STATE="${TIDEGATE_LAB:-${TMPDIR:-/tmp}/tidegate-lab}"
PACKAGES=(request-tracker5 rt5-db-postgresql rt5-standalone dbconfig-no-thanks msmtp-mta postgresql libjson-perl libwww-perl curl)

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
die() { say "lab: $*"; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

# The settings of one RT by name: `source` and `target` are two of them, any other name is a third.
choose() {
    NAME="$1"
    case "$NAME" in
        source) PORT="${TIDEGATE_LAB_SOURCE_PORT:-18280}" ;;
        target) PORT="${TIDEGATE_LAB_TARGET_PORT:-18281}" ;;
        *)      PORT="${TIDEGATE_LAB_PORT:-18282}" ;;
    esac
    PG_PORT=$((PORT + 100))
    DIR="$STATE/$NAME"
    URL="http://127.0.0.1:$PORT"
    SITE="$DIR/etc/RT_SiteConfig.pm"
    SERVER_USER="$(is_root && echo www-data || id -un)"
    PG_USER="$(is_root && echo postgres || id -un)"
}

# Runs a command as another user where we may.
as() {
    local user="$1"
    shift
    if is_root && [ "$user" != root ]; then runuser -u "$user" -- "$@"; else "$@"; fi
}

give() {
    local user="$1"
    shift
    if is_root; then chown -R "$user" "$@"; fi
}

packages() {
    local missing=() package
    for package in "${PACKAGES[@]}"; do
        dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    [ "${TIDEGATE_LAB_APT:-1}" = 1 ] && is_root || die "packages are missing; as root: apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    local log="$STATE/apt.log" options=(-o DPkg::Lock::Timeout=900 --no-install-recommends -y)
    export DEBIAN_FRONTEND=noninteractive
    apt-get "${options[@]}" install "${missing[@]}" >"$log" 2>&1 && return 0
    apt-get -o DPkg::Lock::Timeout=900 update >>"$log" 2>&1 || true
    apt-get "${options[@]}" install "${missing[@]}" >>"$log" 2>&1 || { tail -n 20 "$log" >&2; die "apt-get failed"; }
}

pg_bin() {
    local dir="${PG_BINDIR:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}"
    [ -x "$dir/initdb" ] || die "no PostgreSQL found; name its directory in PG_BINDIR"
    echo "$dir"
}

# A private Postgres on loopback. It may lose its data in a power cut: nothing here is worth keeping.
pg_start() {
    local bin data="$DIR/pg/data"
    bin="$(pg_bin)"
    mkdir -p "$DIR/pg/socket"
    give "$PG_USER" "$DIR/pg"
    if [ ! -f "$data/PG_VERSION" ]; then
        (cd "$DIR/pg" && as "$PG_USER" "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null)
    fi
    (cd "$DIR/pg" && as "$PG_USER" "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1) && return 0
    local options="-p $PG_PORT -k $DIR/pg/socket -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off"
    (cd "$DIR/pg" && as "$PG_USER" "$bin/pg_ctl" -D "$data" -w -l "$DIR/pg/log" -o "$options -c shared_buffers=64MB" start >/dev/null) \
        || { tail -n 20 "$DIR/pg/log" >&2; die "Postgres did not start"; }
}

pg_stop() {
    local data="$DIR/pg/data"
    [ -f "$data/PG_VERSION" ] || return 0
    (cd "$DIR/pg" && as "$PG_USER" "$(pg_bin)/pg_ctl" -D "$data" -m fast -w stop >/dev/null 2>&1) || true
}

sql() { as "$PG_USER" "$(pg_bin)/psql" -h 127.0.0.1 -p "$PG_PORT" -U postgres -v ON_ERROR_STOP=1 -qAtX "$@"; }

# Runs an RT tool with this RT's configuration and none of /etc.
rt() { as "$SERVER_USER" env RT_SITE_CONFIG="$SITE" RT_SITE_CONFIG_DIR="$DIR/etc/RT_SiteConfig.d" "$@"; }

# Loads an initialdata file; what it says is shown only if it fails. RT's user may not read our clone, so it gets a copy.
load() {
    local file="$1" from
    shift
    from="$DIR/load"
    rm -rf "$from" && mkdir -p "$from"
    cp "$(dirname "$file")"/*.pl "$from/"
    give "$SERVER_USER" "$from"
    rt env "$@" rt-setup-database-5 --action insert --skip-create --dba postgres --dba-password none \
        --datafile "$from/$(basename "$file")" >"$DIR/log/load.log" 2>&1 || { tail -n 20 "$DIR/log/load.log" >&2; die "loading $file failed"; }
    rm -rf "$from"
}

is_up() { [ -f "$DIR/server.pid" ] && kill -0 "$(cat "$DIR/server.pid")" 2>/dev/null; }

# Ends the server that `up` started, with its workers: its process group, known by its id.
server_stop() {
    is_up || { rm -f "$DIR/server.pid"; return 0; }
    local pid
    pid="$(cat "$DIR/server.pid")"
    kill -TERM -- "-$pid" 2>/dev/null || true
    for _ in $(seq 50); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$pid" 2>/dev/null || true
    rm -f "$DIR/server.pid"
}
