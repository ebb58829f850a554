#!/usr/bin/env bash
# Makes the virtual environment that the Makefile works in: tools/make_venv.sh FOLDER [PYTHON]
#
# On a bare Debian or Ubuntu it installs the packages that this needs where it may (as root, or with
# sudo that asks no password), and otherwise says which they are.
set -euo pipefail

folder=$1
asked=${2:-}

say() { printf '%s\n' "$*" >&2; }
fits() {
    command -v "$1" >/dev/null &&
        "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'
}
can_make() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

install_packages() { bash "$(dirname "$0")/debian_packages.sh" "$@"; }

find_python() {
    local name
    for name in "$@"; do
        if fits "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

if [ -n "$asked" ]; then
    if ! python=$(find_python "$asked"); then
        say "error: PYTHON=$asked is not there, or is not Python 3.11, 3.12 or 3.13"
        exit 1
    fi
else
    names=(python3 python3.13 python3.12 python3.11)
    if ! python=$(find_python "${names[@]}"); then
        command -v python3 >/dev/null || install_packages python3 python3-venv ca-certificates
        if ! python=$(find_python "${names[@]}"); then
            say "error: Python 3.11, 3.12 or 3.13 is needed, and $(python3 --version 2>&1) is here;"
            say "    once another is installed: make PYTHON=/path/to/python3.12"
            exit 1
        fi
    fi
fi

if ! can_make "$python"; then
    # Debian's Python comes without the parts that make environments.
    if [ "$("$python" -c 'import sys; print(sys.base_prefix)')" != /usr ]; then
        say "error: $python lacks the modules venv or ensurepip: install them, or choose another"
        say "    with: make PYTHON=/path/to/python3.12"
        exit 1
    fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    install_packages "python$version-venv" ca-certificates
fi

say "Making $folder with $("$python" --version)"
"$python" -m venv --clear "$folder"
