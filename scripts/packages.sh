#!/bin/sh
# Brings npm's packages, the pinned Node.js among them, where they are missing or old; needs no root.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/needs.sh
. scripts/needs.sh
install_npm_packages
