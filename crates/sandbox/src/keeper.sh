# The keeper: starts the sandbox's servers when asked to, and stops them when the process it
# watches is gone. It is their parent and the only one that starts them, so there is no moment in
# which a server runs that nobody would stop.
#
# Run as `setsid sh -c "$(cat keeper.sh)"`, with the directory's lock as standard input: the lock is
# free again when the keeper has ended. What it needs to know comes in KEEPER_* variables, and the
# broker's own RABBITMQ_* and ERL_* variables are passed through.
#
# A server is asked for by the file `<server>.wanted`, and answered by `<server>.pid`: process id
# and start time (two numbers that together name one process for ever). SIGTERM ends the keeper.

dir=$KEEPER_DIR
over=
trap 'over=asked' TERM
trap '' HUP INT

# Sets `start` to the start time of process $1; fails when it is gone or only waits to be reaped.
# The command's name in /proc/PID/stat may hold spaces, so the fields are counted after its `)`.
look_at() {
    { read -r fields <"/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${fields##*) }
    start=${20}
    [ "$1" != Z ] && [ "$1" != X ]
}

alive() {
    look_at "$1" && [ "$start" = "$2" ]
}

# Runs a server in a session of its own, so that all its helpers can be ended with it.
launch() {
    name=$1
    shift
    setsid "$@" </dev/null >>"$dir/$name.log" 2>&1 &
    look_at "$!" || start=0
    echo "$! $start" >"$dir/$name.pid.new"
    mv "$dir/$name.pid.new" "$dir/$name.pid"
}

running() {
    { read -r pid start_noted <"$dir/$1.pid"; } 2>/dev/null && alive "$pid" "$start_noted"
}

# KEEPER_*_AS is a command prefix (setpriv and its options) or empty: it must be split into words.
start_postgres() {
    launch postgres $KEEPER_POSTGRES_AS "$KEEPER_POSTGRES" -D "$dir/postgres/data"
}

# epmd before the broker and in the foreground: else the broker would start one as a daemon.
start_broker() {
    running epmd || launch epmd $KEEPER_BROKER_AS "$KEEPER_EPMD" -address 127.0.0.1 -port "$ERL_EPMD_PORT"
    launch broker $KEEPER_BROKER_AS "$KEEPER_BROKER"
}

wanted() {
    [ -e "$dir/$1.wanted" ] || return 1
    rm -f "$dir/$1.wanted"
    ! running "$1"
}

# Sends the signal to a server itself, not to its helpers: it ends those in good order.
ask() {
    running "$1" && kill -s "$2" "$pid"
}

end() {
    running "$1" && kill -s KILL -- "-$pid"
}

gone() {
    ! running postgres && ! running broker
}

stop_all() {
    # A directory that is thrown away needs no checkpoint and no flushed queues.
    if [ "$KEEPER_THEN" = remove ]; then
        ask postgres QUIT
        end broker
    else
        ask postgres INT
        ask broker TERM
    fi
    tries=0
    until gone || [ "$tries" -ge 80 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    ask postgres QUIT
    for server in broker epmd; do
        end "$server"
    done
    tries=0
    until gone && ! running epmd || [ "$tries" -ge 20 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    end postgres
    rm -f "$dir/postgres.pid" "$dir/broker.pid" "$dir/epmd.pid"
    if [ "$KEEPER_THEN" = remove ]; then
        rm -rf -- "$dir"
    fi
}

while [ -z "$over" ] && alive "$KEEPER_WATCHED_PID" "$KEEPER_WATCHED_START"; do
    wanted postgres && start_postgres
    wanted broker && start_broker
    sleep 0.2
done
stop_all
