#!/usr/bin/env bash
# The main job on the embedded corpus: environment, training, translation, evaluation, report. Minutes on two cores.
# Arguments go to `nmt train`, such as --trainer.max_epochs 2. Can be run again: the run of the same name is replaced.
set -euo pipefail
if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"
  exit
fi
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" ''

echo "==> training: nmt train --config configs/quickstart.yaml"
nmt train --config configs/quickstart.yaml --overwrite "$@" --name quickstart

echo "==> translating: nmt translate runs/quickstart"
nmt translate runs/quickstart "Der Hund schläft." "Maria liest das Buch, das Anna gekauft hat." "Wann wirst du den Brief lesen?"

echo "==> evaluating: nmt evaluate runs/quickstart --split test"
nmt evaluate runs/quickstart --split test

echo "==> reporting: nmt report runs/quickstart"
nmt report runs/quickstart
echo "open reports/quickstart/report.html in a browser"
