#!/bin/sh
# Two hundred kernels come and go, and daemon and hooks are killed at random: some ten minutes on two cores.
#
# usage: test/soak.sh [ROUNDS]

set -eu

cd "$(dirname "$0")/.."
TTKMD_TEST_SOAK=${1:-200}
export TTKMD_TEST_SOAK
exec sh test/run.sh build system -- soak
