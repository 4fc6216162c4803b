# Sourced by the other scripts: goes to the repository, makes .venv there if there is none, installs the tested versions
# into it, and puts it first on PATH. Call it as: source scripts/environment.sh EXTRA, with '' for none: without an argument
# it would take the caller's first. PYTHON names the Python to make .venv with. Does nothing that is done already.

extra=${1:-}
python=$(type -P -- "${PYTHON:-python3}" || true)
[[ $python == [^/]* ]] && python=$PWD/$python
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "nmt needs Python 3.11 or newer; ${PYTHON:-python3} is not. Name another: PYTHON=/path/to/python3 $0" >&2
    exit 2
  fi
  echo "==> making .venv"
  "$python" -m venv --clear .venv || exit 1
fi
wanted=.venv/installed-$(cat pyproject.toml constraints.txt | sha256sum | cut -c1-16)
if [[ ! -e $wanted-$extra ]]; then
  echo "==> installing nmt${extra:+[$extra]} and what it needs into .venv"
  find .venv -maxdepth 1 -name 'installed-*' ! -name "$(basename "$wanted")-*" -delete  # other versions than these
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
    --editable ".${extra:+[$extra]}" || exit 1
  touch "$wanted-$extra"
fi
PATH=$PWD/.venv/bin:$PATH
