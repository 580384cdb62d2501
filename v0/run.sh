#!/usr/bin/env bash
# Lets a patched llama-server (v0/build.sh) speak for v0, and stops it:
#
#     v0/run.sh MODEL.gguf [ARGUMENTS]
#
# ARGUMENTS go to python -m v0.generate, whose mode ban sends the flag ignore_eos: here it bans nothing. From the
# environment: SERVER (build/v0/bin/llama-server), PORT (8090), CONTEXT (16384 tokens).
# Exit codes: those of v0.generate; 1 when the server does not start, 2 when there is none or no model is named.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
server=${SERVER:-$here/../build/v0/bin/llama-server}
port=${PORT:-8090}
if [ $# -lt 1 ] || [ ! -x "$server" ]; then
    echo "usage: v0/run.sh MODEL.gguf [ARGUMENTS of python -m v0.generate]   (first, once: v0/build.sh)" >&2
    exit 2
fi
model=$1
shift
if [ -n "${PYTHON:-}" ]; then
    python=$PYTHON
elif [ -x "$here/../.venv/bin/python" ]; then
    python=$here/../.venv/bin/python
else
    python=python3
fi
export PYTHONPATH="$here/..${PYTHONPATH:+:$PYTHONPATH}"

healthy() {
    (exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'GET /health HTTP/1.0\r\n\r\n' >&3 && grep -q '^HTTP/1.. 200' <&3) 2>/dev/null
}

log=$(mktemp)
"$server" -m "$model" -c "${CONTEXT:-16384}" -np 1 --host 127.0.0.1 --port "$port" >"$log" 2>&1 &
process=$!
trap 'kill "$process" 2>/dev/null || true; rm -f "$log"' EXIT
until healthy; do
    if ! kill -0 "$process" 2>/dev/null; then
        tail -n 5 "$log" >&2
        echo "run.sh: the server did not start" >&2
        exit 1
    fi
    sleep 0.2
done
"$python" -m v0.generate --set "api_url=\"http://127.0.0.1:$port\"" "$@"
