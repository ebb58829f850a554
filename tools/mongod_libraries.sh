#!/usr/bin/env bash
# Brings the library that the tests' MongoDB server needs of the system: tools/mongod_libraries.sh
# PYTHON. Where it cannot be had, the tests that need a server are skipped and say so.
set -euo pipefail

reason=$("$1" - <<'END'
from toolkit.testing.mongod import NoMongodError, binary
try:
    binary()
except NoMongodError as error:
    print(error)
END
)
if [[ $reason == *libcurl* ]]; then
    bash "$(dirname "$0")/debian_packages.sh" libcurl4 ||
        printf '%s\n' "Without it the tests of the MongoDB store are skipped." >&2
fi
