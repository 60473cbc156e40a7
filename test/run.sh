#!/bin/sh
# The way in to the tests: sees that npm's and Debian's packages are there, then hands over to run.ts.
# Works on a fresh clone.
#
# usage: test/run.sh [TIER…] [-- ARGUMENT…]
#   no tier means all of them; what follows "--" goes to vitest. Through npm: npm test -- unit -- config

set -eu

cd "$(dirname "$0")/.."

# shellcheck source=scripts/needs.sh
. scripts/needs.sh

install_npm_packages
install_debian_packages "git shellcheck $sandbox_packages $vm_packages" </dev/null

use_pinned_node
exec node test/run.ts "$@"
