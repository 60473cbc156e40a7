#!/bin/sh
# Makes a guest's disk: the root file system in BASE, which stays as it is, with an unpacked RELEASE of the program and
# the driver source in DRIVER beside it, both waiting for the bootstrap, and the files of each ROOTFS.
# Runs in a mount namespace of its own.
# usage: make-disk.sh BASE RELEASE DRIVER DISK ROOTFS…
set -eu

base=$1 release=$2 driver=$3 disk=$4
shift 4

work=$(dirname "$disk")/merge
mkdir -p "$work"
mount -t tmpfs ttkmd-test "$work"
mkdir "$work/upper" "$work/work" "$work/root"
# A name relative to the folder: a comma or colon in the project's path would end the option.
cd "$(dirname "$base")"
mount -t overlay ttkmd-test -o "lowerdir=$(basename "$base"),upperdir=$work/upper,workdir=$work/work" "$work/root"
cd "$work/root"

# The checkout's owner and umask are nothing to the guest, where settings are root's alone.
for rootfs; do
  find "$rootfs" -type f -printf '%P\n' | while read -r file; do
    mode=644
    [ ! -x "$rootfs/$file" ] || mode=755
    install -D -m "$mode" "$rootfs/$file" "$file"
  done
done
if [ -e etc/init.d/guest-agent ]; then
  # Debian boots by scripts of many small processes, which under emulation take half a minute. These have the names
  # and runlevels that Gentoo's have, and the same tools behind them.
  for script in etc/init.d/*; do
    case ${script##*/} in
      cgroups | devfs | guest-agent | localmount | modules | mount-ro | udev | udev-trigger) ;;
      *) rm "$script" ;;
    esac
  done
  rm -f etc/runlevels/*/*
  for service in cgroups devfs udev udev-trigger guest-agent; do chroot . rc-update --quiet add "$service" sysinit; done
  for service in localmount modules; do chroot . rc-update --quiet add "$service" boot; done
  for level in off shutdown; do chroot . rc-update --quiet add mount-ro "$level"; done
else
  chroot . systemctl --quiet enable guest-agent.service
  # A login on the console would cut off what the kernel and the services print there.
  chroot . systemctl --quiet mask serial-getty@ttyS0.service getty-static.service
  # These would start at any time, and take the only processor from a test that measures.
  chroot . systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer
fi
# As somebody who has unpacked both leaves them.
cp -r --preserve=mode,timestamps,links "$release" opt/ttkmd
cp -r --preserve=mode "$driver" opt/tt-kmd
chmod -R go-w opt/ttkmd opt/tt-kmd

truncate -s 4G "$disk"
mke2fs -q -F -t ext4 -L guest -E lazy_itable_init=1 -d . "$disk"
cd /
umount "$work/root" "$work"
rmdir "$work"
