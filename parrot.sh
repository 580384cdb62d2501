#!/usr/bin/env bash
# N dialogues per config, each config into its own run folder parrot_<date>_<time>/:
#
#     ./parrot.sh N [CONFIG ...] [-- ARGUMENTS]
#
# CONFIG is config.json when left out; ARGUMENTS go to parrot.py (for example: -- --set total_tokens=600). A run folder
# holds run.json (what was asked for) and for every dialogue a .log (what stdout showed), a .jsonl (the record) and,
# where something went wrong, what stderr said in .err. The seed of dialogue i (from 1) is base seed + i - 1.
# Exit codes: 0 all done, 1 some failed, 2 the request was wrong.
set -euo pipefail

usage() {
    echo "usage: ./parrot.sh N [CONFIG ...] [-- ARGUMENTS]   (N dialogues per config; ./parrot.sh 3)" >&2
    exit 2
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
case $1 in
    "" | *[!0-9]* | 0*) usage ;;
esac
n=$1
shift
configs=""
count=0
while [ $# -gt 0 ] && [ "$1" != "--" ]; do
    case $1 in
        -*) echo "parrot.sh: unknown option $1; what goes to parrot.py stands behind --" >&2; usage ;;
    esac
    configs="$configs$1"$'\n'
    count=$((count + 1))
    shift
done
if [ $# -gt 0 ]; then shift; fi # the -- itself; what is left goes to parrot.py
if [ "$count" -eq 0 ]; then
    configs="config.json"$'\n'
    count=1
fi

# Embedded servers are started once: the batch module runs this script again with their addresses in PARROT_SERVERS.
if [ -z "${PARROT_SERVERS+set}" ]; then
    IFS=$'\n'
    set -f
    # shellcheck disable=SC2086  # one word per line is meant
    exec "$python" -m broken_record.batch serve $configs -- "$@" ::: \
        bash "${BASH_SOURCE[0]}" "$n" $configs -- "$@"
fi

failed=0
folders=""
interrupted() {
    echo "parrot.sh: interrupted; finished dialogues are in$folders" >&2
    exit "$1"
}
trap 'interrupted 130' INT
trap 'interrupted 143' TERM

while IFS= read -r config; do
    [ -n "$config" ] || continue
    made=$("$python" -m broken_record.batch folder "$n" "$config" -- "$@") || exit $?
    folder=${made% *}
    seed=${made##* }
    folders="$folders $folder"
    i=1
    while [ "$i" -le "$n" ]; do
        name=$(printf '%s/%s_%0*d' "$folder" "$folder" "${#n}" "$i")
        echo "parrot.sh: $config, dialogue $i of $n -> $name.log" >&2
        if ! "$python" "$here/parrot.py" "$config" "$@" --seed $((seed + i - 1)) --record "$name.jsonl" \
            2>"$name.err" </dev/null | tee -i "$name.log"; then
            failed=$((failed + 1))
            echo "parrot.sh: dialogue $i failed:" >&2
            cat "$name.err" >&2
        fi
        [ -s "$name.err" ] || rm -f "$name.err"
        i=$((i + 1))
    done
done <<EOF_CONFIGS
$configs
EOF_CONFIGS

total=$((n * count))
if [ "$failed" -gt 0 ]; then
    echo "parrot.sh: $failed of $total dialogues failed" >&2
else
    echo "parrot.sh: all $total dialogues done" >&2
fi
echo "Next: python analyze.py$folders" >&2
[ "$failed" -eq 0 ]
