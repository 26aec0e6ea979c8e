#!/bin/sh
# Builds or refreshes the virtual environment: tools/venv.sh DIRECTORY [CONSTRAINTS]
# $PYTHON chooses the interpreter; else the first of python3, python3.14 ... python3.11 that is recent enough.
set -eu

venv=$1
pins=${2:-}

recent() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if recent "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    {
        if [ -n "${PYTHON:-}" ]; then
            echo "asw_nb needs Python 3.11 or later; PYTHON=$PYTHON is older or cannot be run."
        elif command -v python3 >/dev/null 2>&1; then
            echo "asw_nb needs Python 3.11 or later; $(command -v python3) is $(python3 --version 2>&1)."
        else
            echo "asw_nb needs Python 3.11 or later; no python3 is on the PATH."
        fi
        echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python),"
        echo "or name one: make PYTHON=/path/to/python3.12 demo"
    } >&2
    exit 1
}

# Debian and Ubuntu ship the part of Python that builds environments as a package of its own.
ensure_venv_module() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing $package"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
    fi
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    echo "$1 cannot build virtual environments. Install them: apt-get install $package" >&2
    exit 1
}

if ! recent "$venv/bin/python"; then
    python=$(find_python)
    ensure_venv_module "$python"
    echo "Building $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi

echo "Installing asw_nb and its tools into $venv (a few minutes the first time)"
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check ${pins:+--constraint "$pins"} --editable '.[dev]'; then
    echo "The installation failed; pip's own message is above. Run the same make command again to go on from here." >&2
    [ -z "$pins" ] || echo "If a pinned release does not exist for this Python or system: make PINS= demo" >&2
    exit 1
fi
# an editable installation compiles nothing, and where Python is told to write no bytecode every start would pay for it
"$venv/bin/python" -m compileall -q asw_nb || true
