#!/usr/bin/env bash
# N dialogues per config, each config into its own run folder parrot_<date>_<time>/:
#
#     ./parrot.sh N [-j J] [CONFIG ...] [-- ARGUMENTS]
#     ./parrot.sh --resume [-j J] RUN [RUN ...]
#
# CONFIG is config.json when left out; -j keeps J dialogues in flight; ARGUMENTS go to parrot.py (for example: -- --set
# total_tokens=600). A run folder holds run.json (what was asked for) and for every dialogue a .log (what stdout showed), a
# .jsonl (the record) and, where something went wrong, what stderr said in .err. The seed of dialogue i (from 1) is base
# seed + i - 1. --resume finishes what was cut off, and can be repeated until all are done.
# Exit codes: 0 all done, 1 some failed, 2 the request was wrong, 130 and 143 interrupted.
set -euo pipefail

usage() {
    echo "usage: ./parrot.sh N [-j J] [CONFIG ...] [-- ARGUMENTS]   (N dialogues per config; ./parrot.sh 3)" >&2
    echo "       ./parrot.sh --resume [-j J] RUN [RUN ...]" >&2
    exit 2
}

whole() {
    case $1 in
        "" | *[!0-9]* | 0*) return 1 ;;
    esac
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
if [ -n "${PYTHON:-}" ]; then
    python=$PYTHON
elif [ -x "$here/.venv/bin/python" ]; then
    python=$here/.venv/bin/python
else
    python=python3
fi

[ $# -ge 1 ] || usage
if [ "$1" != "--resume" ]; then whole "$1" || usage; fi
what=$1
shift
jobs=1
files=()
while [ $# -gt 0 ] && [ "$1" != "--" ]; do
    case $1 in
        -j)
            if [ $# -lt 2 ] || ! whole "$2"; then usage; fi
            jobs=$2
            shift
            ;;
        -*) echo "parrot.sh: unknown option $1; what goes to parrot.py stands behind --" >&2; usage ;;
        *) files+=("$1") ;;
    esac
    shift
done
if [ "${#files[@]}" -eq 0 ]; then
    [ "$what" != "--resume" ] || usage
    files=(config.json)
fi
if [ "$what" = "--resume" ]; then
    exec "$python" -m broken_record.batch --resume "$jobs" "${files[@]}"
fi
exec "$python" -m broken_record.batch "$what" "$jobs" "${files[@]}" "$@"
