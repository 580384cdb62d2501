#!/usr/bin/env bash
# N dialogues per config, each config into its own run folder parrot_<date>_<time>/:
#
#     ./parrot.sh N [-j J] [--sweep 'KEY=[V1,V2]'] [--dry-run] [CONFIG ...] [-- ARGUMENTS]
#     ./parrot.sh N --branch RUN [--kind KIND] [--at onset-1|TURN|600tokens] [-- ARGUMENTS]
#     ./parrot.sh --resume [-j J] FOLDER [FOLDER ...]
#     ./parrot.sh ... --slurm [--sbatch 'OPTIONS'] [--wait]
#
# CONFIG is config.json when left out; -j keeps J dialogues in flight; ARGUMENTS go to parrot.py (for example: -- --set
# total_tokens=600). A run folder holds run.json (what was asked for) and for every dialogue a .log (what stdout showed), a
# .jsonl (the record) and, where something went wrong, what stderr said in .err. The seed of dialogue i (from 1) is base
# seed + i - 1. A sweep (of --sweep, or of the config) is a folder sweep_<date>_<time>/ with a run folder per combination, all
# with the same seeds. --branch begins the dialogues of a run again, N times each, from the turn before they began to loop, with
# other seeds and settings (docs/statistics.md). --dry-run says what would be run and how long that takes. --resume finishes what
# was cut off, and can be repeated until all are done. --slurm hands the dialogues to Slurm as a job array instead of running them here, J at a time,
# with these OPTIONS for sbatch; --wait stays until the job is over (docs/slurm.md).
# Exit codes: 0 all done, 1 some failed, 2 the request was wrong, 130 and 143 interrupted.
set -euo pipefail

self=${BASH_SOURCE[0]}
while [ -L "$self" ]; do
    to=$(readlink -- "$self")
    case $to in
    /*) self=$to ;;
    *) self=$(dirname -- "$self")/$to ;;
    esac
done
here=$(CDPATH='' cd -- "$(dirname -- "$self")" && pwd)
if [ -n "${PYTHON:-}" ]; then
    python=$PYTHON
elif [ -x "$here/.venv/bin/python" ]; then
    python=$here/.venv/bin/python
else
    python=python3
fi
exec "$python" "$here" "$@" # by its path, which may hold what PYTHONPATH could not
