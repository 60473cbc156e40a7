#!/bin/sh
# Read by what holds a mount namespace for tests, with standard input as the leash: when that closes, because the tests
# are done or were killed, all that still runs in there is killed, and the namespace goes with its last process.

hold_namespace() {
  echo ready

  cat >/dev/null

  # A loop, since what is being killed may be starting something.
  round=0
  while [ "$round" -lt 50 ]; do
    round=$((round + 1))
    found=no
    for process in /proc/[0-9]*; do
      pid=${process#/proc/}
      [ "$pid" != "$$" ] || continue
      # A zombie has no namespace left to look at. A readlink for each process would take a tenth of a second in all.
      # shellcheck disable=SC3013 # dash and bash know -ef
      [ "$process/ns/mnt" -ef "/proc/$$/ns/mnt" ] || continue
      if kill -KILL "$pid" 2>/dev/null; then found=yes; fi
    done
    [ "$found" = yes ] || break
  done
}
