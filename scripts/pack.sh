#!/bin/sh
# Builds and packs a release, build/ttkmd-VERSION.tar.gz, which installs without npm and without a network.
# The same source gives the same file: sorted names, one time, owner root.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
umask 022

npm run --silent build
name=$(node scripts/pack.ts)

time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
tar --create --file "build/$name.tar" --directory build --format=gnu --sort=name --mtime="@$time" \
  --owner=0 --group=0 --numeric-owner "$name"
gzip --force --no-name "build/$name.tar"
echo "build/$name.tar.gz"
