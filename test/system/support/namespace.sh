#!/bin/sh
# Sets up a sandbox's mount namespace and keeps it alive: started by sandbox.ts through "unshare -m",
# with standard input as the leash.
#
# usage: namespace.sh DKMS [LAYER...]
# Each is a folder laid out like a root; a layer lies over what follows it, and DKMS over the machine's own.

set -eu

# shellcheck source=test/system/support/leash.sh
. "${0%/*}/leash.sh"

dkms=$1
shift

mount --make-rprivate /
# Where the changes go. /run, since nothing below needs it and no overlay can come to lie over it.
scratch=/run
mount -t tmpfs -o mode=0755 sandbox "$scratch"
# Where layers are made, what is new can be read from outside at this descriptor.
exec 9<"$scratch"

# What lies below the path is not seen inside, but for what a layer brings: a whiteout, as overlayfs itself makes it.
hide() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  folder=$scratch/hidden$(cd -P "${1%/*}" && pwd)
  mkdir -p "$folder"
  [ -e "$folder/${1##*/}" ] || mknod "$folder/${1##*/}" c 0 0
}

# What the machine's own dkms has installed would still be visible under the chosen one; so would what the
# machine has registered, and the hooks of its other packages (an initramfs would be built each time).
if command -v dpkg-query >/dev/null; then
  dpkg-query --listfiles dkms 2>/dev/null | while read -r file; do
    if [ -f "$file" ] && [ ! -e "$dkms$file" ]; then hide "$file"; fi
  done
fi
for hook in /etc/kernel/*.d/* /usr/lib/kernel/*.d/*; do
  [ -e "$dkms$hook" ] && continue
  case ${hook##*/} in
    # systemd's own, which are part of the real kernel-install.
    50-depmod.install | 90-loaderentry.install | 90-uki-copy.install) ;;
    *) hide "$hook" ;;
  esac
done
for source in /usr/src/*/dkms.conf; do hide "${source%/dkms.conf}"; done
for path in /var/lib/dkms /lib/modules /etc/modprobe.d/ttkmd* \
  /usr/bin/ttkmdctl /usr/lib/ttkmd /etc/ttkmd /var/lib/ttkmd /var/log/ttkmd; do
  hide "$path"
done

# An overlay over a folder with what the layers have of it, all changes on the tmpfs.
overlay() {
  target=$1
  shift
  [ -d "$target" ] || return 0
  mkdir -p "$scratch/upper$target" "$scratch/work$target"
  # The root of an overlay shows its upper folder's mode, which /tmp and /root care about.
  chmod --reference="$target" "$scratch/upper$target"
  lower=
  for layer in "$@" "$scratch/hidden" "$dkms"; do
    if [ -d "$layer$target" ]; then lower=$lower$layer$target:; fi
  done
  # With redirect_dir a folder of a layer can be renamed, without its files being copied.
  changes="upperdir=$scratch/upper$target,workdir=$scratch/work$target,redirect_dir=on"
  mount -t overlay -o "lowerdir=$lower$target,$changes" sandbox "$target"
}

for folder in /usr /etc /var/lib /var/log /var/cache /var/tmp /opt /root /srv /tmp; do
  overlay "$folder" "$@"
done
# The overlays hold on to what it was; the sandbox has an empty /run.
umount -l "$scratch"
mount -t tmpfs -o mode=0755 sandbox /run
mkdir -p /boot
mount -t tmpfs -o mode=0755 sandbox /boot

# The kernel is the machine's own: nothing in here may set its devices or its hugepages.
mount -o remount,bind,ro /sys 2>/dev/null || true

mkdir -p /var/lib/dkms /lib/modules /etc/udev/rules.d

hold_namespace
