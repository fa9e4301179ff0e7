#!/bin/sh
# with_python.sh VENV SCRIPT ARGUMENT...: runs a script with the venv's Python if there is one, else $PYTHON or python3.
venv=$1
shift
python=${PYTHON:-python3}
[ -x "$venv/bin/python" ] && python=$venv/bin/python
command -v "$python" >/dev/null || { echo "skipped: no Python"; exit 77; }
exec env PYTHONDONTWRITEBYTECODE=1 "$python" "$@"
