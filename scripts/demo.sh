#!/bin/sh
# The main job, shown on this machine without touching it: a kernel arrives, the driver follows.
# Works on a fresh clone, as root on Debian; installs what it needs.
#
# usage: scripts/demo.sh
#   Exit status: 0 when all went as it should, 1 when not, or on another system than Debian, 4 without root.

set -eu

cd "$(dirname "$0")/.."

# shellcheck source=scripts/needs.sh
. scripts/needs.sh

require_sandbox 'the demo'
install_npm_packages
install_debian_packages "$sandbox_packages" </dev/null

use_pinned_node
build_program
exec node scripts/demo.ts
