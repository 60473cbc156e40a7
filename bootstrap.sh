#!/bin/sh
# From a clone, or from an unpacked release, to a working card: sees that there is a Node.js, builds the program where
# that has not been done, and hands over to `ttkmdctl bootstrap`, which installs it. A release needs no npm and no network.
#
# usage: bootstrap.sh [OPTION…]   (sudo ./bootstrap.sh --help lists the options; --dry-run changes nothing)
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)

fail() {
  echo "bootstrap.sh: $1" >&2
  echo "  → $2" >&2
  exit "${3:-6}"
}

# In a release it lies beside this, in a clone with the other scripts.
start=$here/start.sh
[ -e "$start" ] || start=$here/scripts/start.sh
[ -e "$start" ] || fail "$here is neither a clone nor a release of ttkmd" 'run it where it was unpacked' 2
# shellcheck source=scripts/start.sh
. "$start"

scratch=
trap 'rm -rf ${scratch:+"$scratch"}' EXIT
# emerge and apt-get hear Ctrl-C too and end in good order; what they say is no failure then.
trap 'interrupted 130' INT

interrupted() {
  echo 'bootstrap.sh: Interrupted.' >&2
  echo '  → The same command goes on where this one stopped.' >&2
  exit "$1"
}

# Whoever called sudo keeps the clone: nothing in it becomes root's.
as_caller() {
  if [ -n "${SUDO_USER-}" ] && [ "$SUDO_USER" != root ]; then
    ended_at_once runuser -u "$SUDO_USER" -- "$@"
  else
    ended_at_once "$@"
  fi
}

# npm would have Ctrl-C wait for whatever it downloads. Nothing of it needs to end in good order: what it brings counts
# only when the last file of it is there. In a session of its own all that it started is ended with it.
ended_at_once() {
  setsid "$@" &
  child=$!
  trap 'end_child; interrupted 130' INT
  trap 'end_child; interrupted 143' TERM
  trap 'end_child; interrupted 129' HUP
  status=0
  wait "$child" || status=$?
  trap 'interrupted 130' INT
  trap - TERM HUP
  return "$status"
}

end_child() {
  kill -KILL "-$child" 2>/dev/null || kill -KILL "$child" 2>/dev/null || true
}

install_npm() {
  case " $* " in
    *' --dry-run '* | *' --list '* | *' --help '*)
      fail 'npm is missing, and is not installed to only look' 'install nodejs and npm, or take a release' 127
      ;;
  esac
  [ "$(id -u)" = 0 ] || fail 'npm is missing' 'run this by sudo, which installs it, or install it yourself' 4
  echo 'npm is missing: installing it with Node.js' >&2
  if command -v emerge >/dev/null; then
    # What is new, without its version: [ebuild  N    ] net-libs/nodejs-22.22.0::gentoo USE=…; with it where another
    # slot is there: [ebuild  NS   ] dev-libs/icu-78:0/78::gentoo [77:0/77::gentoo]
    emerge --pretend --quiet --ask=n --color=n --noreplace net-libs/nodejs |
      sed -n 's/^\[[a-z]* *NS[^]]*\] \([^ :]*\).*/=\1/p; s/^\[[a-z]* *N[^S][^]]*\] \([^ :]*\)-[0-9].*/\1/p' | remember
    emerge --ask=n --noreplace net-libs/nodejs || cannot_install emerge
  elif command -v apt-get >/dev/null; then
    apt-get -q update || cannot_install 'apt-get update'
    apt-get -s --no-install-recommends install nodejs npm | sed -n 's/^Inst \([^ ]*\) (.*/\1/p' | remember
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends nodejs npm || cannot_install apt-get
  else
    fail 'npm is missing, and there is neither emerge nor apt-get' 'install Node.js 22.22 or newer with npm, or take a release' 127
  fi >&2
  command -v npm >/dev/null ||
    fail 'Node.js is there, and npm is still missing' 'on Gentoo give net-libs/nodejs the USE flag npm, or take a release' 127
}

# Written down before they come, for `ttkmdctl uninstall`: whatever fails from here on, they are known.
remember() {
  mkdir -p /var/lib/ttkmd
  cat >>/var/lib/ttkmd/brought
}

cannot_install() {
  fail "$1 failed, which was to bring Node.js and npm" 'mend what it names above, then run this again; or take a release, which needs neither'
}

packages_are_old() {
  [ ! -e "$here/node_modules/.package-lock.json" ] ||
    [ -n "$(find "$here/package-lock.json" -newer "$here/node_modules/.package-lock.json")" ]
}

program_is_old() {
  [ ! -e "$here/dist/main.js" ] ||
    [ -n "$(find "$here/src" "$here/scripts" "$here/package-lock.json" -newer "$here/dist/main.js" | head -n 1)" ]
}

# With that search path.
npm_ci() {
  # An older Node.js of the system's is warned of once a package; what runs is the one that this installs.
  as_caller env -C "$here" "PATH=$1" npm ci --no-audit --no-fund --loglevel=error >&2
}

cannot_build() {
  fail "npm could not bring what the program is built with" "mend what it names above (behind a proxy set https_proxy), then run this again; or take a release, which needs no npm"
}

build() {
  echo 'building the program' >&2
  scratch=$(mktemp -d)
  chmod 755 "$scratch"
  if packages_are_old; then
    npm_ci "$PATH" || cannot_build
    # npm leaves out optional packages, the bundler's own code among them, that an older Node.js is not enough for:
    # the one that has just come takes a second turn, as a copy, since npm removes all of them first.
    if ! new_enough "$(command -v node)" && new_enough "$here/node_modules/node/bin/node"; then
      cp "$here/node_modules/node/bin/node" "$scratch/node"
      npm_ci "$scratch:$PATH" || cannot_build
    fi
  fi
  as_caller env -C "$here" npm run --silent build >"$scratch/output" 2>&1 ||
    fail "the program could not be built: $(cat "$scratch/output")" 'mend that, or take a release'
  rm -r "$scratch"
  scratch=
}

main=$here/lib/main.js
if [ ! -e "$main" ]; then
  if packages_are_old || program_is_old; then
    command -v npm >/dev/null || install_npm "$@"
    build
  fi
  main=$here/dist/main.js
fi

find_node "$here/node/bin/node" "$here/node_modules/node/bin/node"
[ -n "$node" ] || fail 'no Node.js that is new enough runs here' 'install Node.js 22.22 or newer (on Gentoo: emerge net-libs/nodejs)' 127

# Proxies and certificates count for downloads alone.
become \
  ${SUDO_USER+"SUDO_USER=$SUDO_USER"} \
  ${http_proxy+"http_proxy=$http_proxy"} \
  ${https_proxy+"https_proxy=$https_proxy"} \
  ${no_proxy+"no_proxy=$no_proxy"} \
  ${HTTP_PROXY+"HTTP_PROXY=$HTTP_PROXY"} \
  ${HTTPS_PROXY+"HTTPS_PROXY=$HTTPS_PROXY"} \
  ${NO_PROXY+"NO_PROXY=$NO_PROXY"} \
  ${SSL_CERT_FILE+"SSL_CERT_FILE=$SSL_CERT_FILE"} \
  ${CURL_CA_BUNDLE+"CURL_CA_BUNDLE=$CURL_CA_BUNDLE"} \
  ${REQUESTS_CA_BUNDLE+"REQUESTS_CA_BUNDLE=$REQUESTS_CA_BUNDLE"} \
  ${VIRTUAL_ENV+"VIRTUAL_ENV=$VIRTUAL_ENV"} \
  ${TTKMD_DOWNLOAD_PATIENCE+"TTKMD_DOWNLOAD_PATIENCE=$TTKMD_DOWNLOAD_PATIENCE"} \
  "$node" "$main" bootstrap "$@"
