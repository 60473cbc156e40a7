#!/bin/sh
# The way in to the tests: sees that npm's and Debian's packages are there, then hands over to run.ts.
# Works on a fresh clone.
#
# usage: test/run.sh [TIER…] [-- ARGUMENT…]
#   no tier means all; what follows "--" goes to vitest. Through npm: npm test -- unit -- config

set -eu

cd "$(dirname "$0")/.."

# shellcheck source=scripts/needs.sh
. scripts/needs.sh

install_npm_packages
# The shells are for their completions, groff for the man pages.
packages="git shellcheck fish zsh groff-base $sandbox_packages $gentoo_packages"
tiers=
for word; do
  [ "$word" != -- ] || break
  tiers="$tiers $word"
done
# Emulation is a hundred megabytes: only for those who run it.
case "$tiers " in ' ' | *' vm '* | *' kernel '*) packages="$packages $vm_packages" ;; esac
install_debian_packages "$packages" </dev/null

use_pinned_node
exec node test/run.ts "$@"
