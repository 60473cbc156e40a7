#!/bin/sh
# Installs ttkmd from this folder; needs no npm and no network.
set -eu
unset LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT NODE_OPTIONS

case ${1-} in
  -h | --help)
    cat <<'END'
Usage: sh install.sh [--root DIR] [--dry-run] [--with-node] [--force] [--verbose]

  --root DIR    install into the system in DIR
  --dry-run     show what would be done
  --with-node   bring the Node.js of this release even where the system's own would do
  --force       replace files that are in the way
  --verbose     name each file
END
    exit 0
    ;;
esac

here=$(cd "$(dirname "$0")" && pwd -P)

# shellcheck source=scripts/start.sh
. "$here/start.sh"

# This only chooses what the installation itself runs on; it then decides what the host needs.
find_node "$here/node/bin/node"
if [ -z "$node" ]; then
  echo 'ttkmd: neither the Node.js of this release nor one of the system runs here.' >&2
  echo '       Install Node.js 22.22 or newer (on Gentoo: emerge net-libs/nodejs) and try again.' >&2
  exit 127
fi

become "$node" "$here/lib/main.js" deploy --package "$here" "$@"
