#!/bin/sh
# Sets up a sandbox's mount namespace and keeps it alive: started by sandbox.ts through "unshare -m",
# with standard input as the leash.
#
# usage: namespace.sh DKMS   (a folder laid out like a root)

set -eu

# shellcheck source=test/system/support/leash.sh
. "${0%/*}/leash.sh"

dkms=$1

mount --make-rprivate /
# Where the changes go. /run, since nothing below needs it and no overlay can come to lie over it.
scratch=/run
mount -t tmpfs -o mode=0755 sandbox "$scratch"

# An overlay over $1 with what follows as the lower layers, all changes on the tmpfs.
overlay() {
  target=$1
  lower=$2
  [ -d "$target" ] || return 0
  mkdir -p "$scratch/upper$target" "$scratch/work$target"
  # The root of an overlay shows its upper folder's mode, which /tmp and /root care about.
  chmod --reference="$target" "$scratch/upper$target"
  mount -t overlay -o "lowerdir=$lower,upperdir=$scratch/upper$target,workdir=$scratch/work$target" \
    sandbox "$target"
}

overlay /usr "$dkms/usr:/usr"
overlay /etc "$dkms/etc:/etc"
for folder in /var/lib /var/log /var/cache /var/tmp /opt /root /srv /tmp; do
  overlay "$folder" "$folder"
done
# The overlays hold on to what it was; the sandbox has an empty /run.
umount -l "$scratch"
mount -t tmpfs -o mode=0755 sandbox /run
mkdir -p /boot
mount -t tmpfs -o mode=0755 sandbox /boot

# The kernel is the machine's own: nothing in here may set its devices or its hugepages.
mount -o remount,bind,ro /sys 2>/dev/null || true

# What the machine's own dkms has installed is still visible under the chosen one; so is what the
# machine has registered, and the hooks of its other packages (an initramfs would be built each time).
if command -v dpkg-query >/dev/null; then
  dpkg-query --listfiles dkms 2>/dev/null | while read -r file; do
    if [ -f "$file" ] && [ ! -e "$dkms$file" ]; then rm -f "$file"; fi
  done
fi
for hook in /etc/kernel/*.d/* /usr/lib/kernel/*.d/*; do
  [ -e "$hook" ] || [ -L "$hook" ] || continue
  [ -e "$dkms$hook" ] && continue
  case ${hook##*/} in
    # systemd's own, which are part of the real kernel-install.
    50-depmod.install | 90-loaderentry.install | 90-uki-copy.install) ;;
    *) rm -rf "$hook" ;;
  esac
done
for source in /usr/src/*/dkms.conf; do
  [ -e "$source" ] && rm -rf "${source%/dkms.conf}"
done
rm -rf /var/lib/dkms /lib/modules /etc/modprobe.d/ttkmd* \
  /usr/bin/ttkmdctl /usr/lib/ttkmd /etc/ttkmd /var/lib/ttkmd /var/log/ttkmd
mkdir -p /var/lib/dkms /lib/modules /etc/udev/rules.d

hold_namespace
