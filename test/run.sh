#!/bin/sh
# The way in to the tests: sees that npm's and Debian's packages are there, then hands over to run.ts.
# Works on a fresh clone.
#
# usage: test/run.sh [TIER…] [-- ARGUMENT…]
#   no tier means all of them; what follows "--" goes to vitest. Through npm: npm test -- unit -- config

set -eu

cd "$(dirname "$0")/.."

install_npm_packages() {
  if [ -e node_modules/.package-lock.json ] &&
    [ -z "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
    return 0
  fi
  echo "npm's packages are missing or older than package-lock.json: npm ci"
  npm ci --no-audit --no-fund
}

# What the shell and system tiers need. dkms and kernels' headers are not among it: the system tests
# download and unpack those for themselves.
debian_packages='
  git shellcheck
  gcc libc6-dev libelf1 make patch dpkg-dev openssl
  kmod systemd util-linux xz-utils zstd
'

# Lists older than this many days may name packages that the mirror has replaced since.
lists_days=2

install_debian_packages() {
  if [ ! -e /etc/debian_version ] || [ "$(id -u)" != 0 ]; then return 0; fi
  missing=
  for package in $debian_packages; do
    status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) || status=
    case $status in
      ii*) ;;
      *) missing="$missing $package" ;;
    esac
  done
  fresh=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime "-$lists_days" 2>/dev/null | head -n 1)
  if [ -n "$missing" ] || [ -z "$fresh" ]; then apt-get -q update; fi
  [ -n "$missing" ] || return 0
  echo "installing$missing"
  # Word splitting is wanted: these are names.
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing
}

install_npm_packages
install_debian_packages </dev/null

# Node's version is pinned in package.json; the system's may be older.
PATH=$PWD/node_modules/.bin:$PATH
export PATH

exec node test/run.ts "$@"
