#!/bin/sh
# Measures ttkmd against dkms and prints a table. Works on a fresh clone, as root on Debian.
#
# usage: bench/run.sh [--rounds N] [--dkms VERSION] [--kmd-source DIR] [SUBJECT...]
#   Through npm: npm run bench -- --dkms 3.2 status

set -eu

cd "$(dirname "$0")/.."

# shellcheck source=scripts/needs.sh
. scripts/needs.sh

require_sandbox 'the benchmark'
install_npm_packages >&2
# shellcheck disable=SC2154
install_debian_packages "$sandbox_packages" </dev/null >&2

use_pinned_node
build_program

exec node bench/main.ts "$@"
