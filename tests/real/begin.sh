# Sourced by scripts that take a binary of prony and a folder for what they leave: PRONY_BINARY OUT_FOLDER. Sets `prony`, `out`
# and `here` (the script's own folder) to whole paths.
prony=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)

# Prints a port of this machine that nobody listens on.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
