#!/bin/sh
# What the tests, the demo and the benchmark need of a machine, and how they get it. Sourced, from the
# project's root, not run. Installs only what is missing.

# What a sandbox needs to build modules in it. dkms and kernels' headers are not among it: those are
# downloaded and unpacked, never installed.
# shellcheck disable=SC2034
sandbox_packages='
  gcc libc6-dev libelf1 make patch dpkg-dev openssl
  kmod mmdebstrap rsync systemd util-linux xz-utils zstd
'

# What Portage, from PyPI, needs of a machine beside that.
# shellcheck disable=SC2034
gentoo_packages='python3 python3-venv bzip2'

# What makes virtual machines' images and runs them.
# shellcheck disable=SC2034
vm_packages='qemu-system-x86 mmdebstrap e2fsprogs debian-archive-keyring util-linux'

# Ends the script, with one sentence, where no sandbox can be had. $1 is who wants one: "the demo".
require_sandbox() {
  if [ "$(id -u)" != 0 ]; then
    echo "$1 needs root, for a private mount namespace: run it as root (it leaves the machine's own kernels and drivers alone)" >&2
    exit 4
  fi
  if [ ! -e /etc/debian_version ] || ! command -v apt-get >/dev/null; then
    echo "$1 needs Debian, or a container of it: real kernels' headers and dkms come from Debian's archive by apt-get" >&2
    exit 1
  fi
  if ! unshare -m true 2>/dev/null; then
    echo "$1 needs a private mount namespace, and this machine refuses one (unshare -m): in a container, start it with the capability SYS_ADMIN" >&2
    exit 1
  fi
}

install_npm_packages() {
  if [ -e node_modules/.package-lock.json ] &&
    [ -z "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
    return 0
  fi
  echo "npm's packages are missing or older than package-lock.json: npm ci"
  # An older Node.js of the system's is warned of once a package; what runs is the one that this installs.
  npm ci --no-audit --no-fund --loglevel=error
  # npm leaves out optional packages, the bundler's own code among them, that an older Node.js is not enough for: the
  # one that has just come takes a second turn, as a copy, since npm removes all of them first.
  if ! ls -d node_modules/@rolldown/binding-* >/dev/null 2>&1; then
    copy=$(mktemp -d)
    cp node_modules/node/bin/node "$copy/node"
    PATH=$copy:$PATH npm ci --no-audit --no-fund --loglevel=error
    rm -r "$copy"
  fi
}

# Lists older than this many days may name packages that the mirror has replaced since.
lists_days=2

# Installs what is missing of the Debian packages in $1, names with blanks between them.
install_debian_packages() {
  if [ ! -e /etc/debian_version ] || [ "$(id -u)" != 0 ]; then return 0; fi
  missing=
  for package in $1; do
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

# Node.js's version is pinned in package.json; the system's may be older.
use_pinned_node() {
  PATH=$PWD/node_modules/.bin:$PATH
  export PATH
}

# Bundles the program; prints nothing unless that fails.
build_program() {
  output=$(npm run --silent build 2>&1) && return 0
  printf '%s\n' "$output" >&2
  echo 'the program could not be built' >&2
  exit 1
}
