#!/usr/bin/env bash
# The environment, then the fast tests. Arguments go to pytest, such as -k search, or -m slow for those that train.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" dev

marker=(-m "not slow")
for argument in "$@"; do
  [[ $argument == -m ]] && marker=()
done
echo "==> pytest"
python -m pytest -q "${marker[@]}" "$@"
