# Sourced by the other scripts: goes to the repository, makes .venv there if there is none, installs the tested versions
# into it, and puts it first on PATH. Call it as: source scripts/environment.sh EXTRA, with '' for none: without an argument
# it would take the caller's first. Does nothing that is done already.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
extra=${1:-}
PYTHON=${PYTHON:-python3}

if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "nmt needs Python 3.11 or newer; $PYTHON is not. Name another: PYTHON=/path/to/python3 $0" >&2
  exit 2
fi
if [[ ! -x .venv/bin/python ]]; then
  echo "==> making .venv"
  "$PYTHON" -m venv .venv
fi
stamp=.venv/installed-$(cat pyproject.toml constraints.txt <(echo "$extra") | sha256sum | cut -c1-16)
if [[ ! -e $stamp ]]; then
  echo "==> installing nmt${extra:+[$extra]} and what it needs into .venv"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".${extra:+[$extra]}" &&
    touch "$stamp"
fi
PATH=$PWD/.venv/bin:$PATH
