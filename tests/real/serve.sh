# Sourced by scripts that start a real server: once it is ready they print its pid and end.

# serve PORT LOG SECONDS COMMAND…: starts COMMAND in a session of its own, waits until /health says 200 on
# PORT, and prints its pid. Where it ends or is not ready in time, says so and ends the script.
serve() {
  local port=$1 log=$2 limit=$3 name
  name=$(basename "$0")
  shift 3
  setsid "$@" >"$log" 2>&1 </dev/null &
  local pid=$! deadline=$((SECONDS + limit))
  while [ "$SECONDS" -lt "$deadline" ]; do
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 30 "$log" >&2
      echo "$name: the server ended before it was ready" >&2
      exit 1
    fi
    if [ "$(curl -s -o /dev/null -m 2 -w '%{http_code}' "http://127.0.0.1:$port/health")" = 200 ]; then
      echo "$pid"
      return
    fi
    sleep 0.2
  done
  kill "$pid"
  echo "$name: not ready within $limit s; its log is $log" >&2
  exit 1
}
