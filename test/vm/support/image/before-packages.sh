#!/bin/sh
# mmdebstrap's hook before it installs the kernels: their initrds get what these guests need, and no more.
# Under emulation, each megabyte of them counts.
# usage: before-packages.sh ROOT
set -eu

mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
echo 'MODULES=list' >"$1/etc/initramfs-tools/conf.d/guest"
printf '%s\n' virtio_pci virtio_blk ext4 >"$1/usr/share/initramfs-tools/modules.d/guest"
