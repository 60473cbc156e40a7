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

# This only chooses what the installation itself runs on; it then decides what the host needs.
new_enough() {
  [ -x "$1" ] && "$1" -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 22) ? 0 : 1);
  ' 2>/dev/null
}

for node in "$here/node/bin/node" /usr/bin/node /usr/local/bin/node ''; do
  if new_enough "$node"; then break; fi
done
if [ -z "$node" ]; then
  echo 'ttkmd: neither the Node.js of this release nor one of the system runs here.' >&2
  echo '       Install Node.js 22.22 or newer (on Gentoo: emerge net-libs/nodejs) and try again.' >&2
  exit 127
fi

exec /usr/bin/env -i \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  ${HOME+"HOME=$HOME"} \
  ${LANG+"LANG=$LANG"} \
  ${TERM+"TERM=$TERM"} \
  ${COLUMNS+"COLUMNS=$COLUMNS"} \
  ${NO_COLOR+"NO_COLOR=$NO_COLOR"} \
  "$node" "$here/lib/main.js" deploy --package "$here" "$@"
