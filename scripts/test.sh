#!/usr/bin/env bash
# The environment, then the fast tests, a process for each core. Arguments go to pytest, such as -k search, -m slow for
# those that train, or -n 0 for one process.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" dev

marker=(-m "not slow")
for argument in "$@"; do
  [[ $argument == -m ]] && marker=()
done
echo "==> pytest"
python -m pytest -q --numprocesses auto --dist worksteal "${marker[@]}" "$@"
