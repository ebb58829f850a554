#!/usr/bin/env bash
# Installs Debian packages where it may (as root, or with sudo that asks no password), and otherwise
# says which they are and fails: tools/debian_packages.sh PACKAGE...
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

as_root=()
if ! command -v apt-get >/dev/null; then
    say "error: this system has no apt-get: install what Debian calls $*"
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        say "error: packages are missing; install them and try again:"
        say "    sudo apt-get install $*"
        exit 1
    fi
    as_root=(sudo -n)
fi
say "Installing $*"
"${as_root[@]}" apt-get -qq update </dev/null >/dev/null
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --yes --no-install-recommends "$@" </dev/null >/dev/null
