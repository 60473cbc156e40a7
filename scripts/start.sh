#!/bin/sh
# On which Node.js the program runs where it was cloned or unpacked, and with what of the caller's environment.
# Sourced by install.sh and bootstrap.sh, not run.

new_enough() {
  [ -x "$1" ] && "$1" -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 22) ? 0 : 1);
  ' 2>/dev/null
}

# Sets node to the first of these that is new enough, or to nothing. The one that belongs to the program runs with
# glibc only.
find_node() {
  for node in "$@" /usr/bin/node /usr/local/bin/node ''; do
    if new_enough "$node"; then break; fi
  done
}

# Becomes that program, with nothing of the caller's environment but this and what is given as NAME=VALUE before it.
become() {
  exec /usr/bin/env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${HOME+"HOME=$HOME"} \
    ${LANG+"LANG=$LANG"} \
    ${TERM+"TERM=$TERM"} \
    ${COLUMNS+"COLUMNS=$COLUMNS"} \
    ${NO_COLOR+"NO_COLOR=$NO_COLOR"} \
    "$@"
}
