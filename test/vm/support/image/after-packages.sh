#!/bin/sh
# mmdebstrap's hook after the packages: the second kernel is put aside, complete, until a test lets it arrive.
# usage: after-packages.sh ROOT SECOND-RELEASE
set -eu

cd "$1"
held=var/lib/held-kernels/$2
mkdir -p "$held/lib/modules" "$held/usr/src" "$held/boot"
mv "lib/modules/$2" "$held/lib/modules/"
mv boot/*-"$2" "$held/boot/"
# The flavour's headers, and what it shares with the other flavours: "…-cloud-amd64" and "…-common".
mv usr/src/linux-headers-"${2%-cloud-amd64}"-* "$held/usr/src/"

rm -rf var/cache/apt/*.bin var/log/* usr/share/info
mkdir -p var/log
