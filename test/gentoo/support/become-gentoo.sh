#!/bin/sh
# Run inside a sandbox: makes it a root that Portage takes for its own, as far as these tests need one.
#
# usage: become-gentoo.sh PORTAGE PROJECT
#   PORTAGE is a virtual environment with it, PROJECT this repository's folder

set -eu

portage=$1
project=$2

# Debian has an installkernel of its own, and none of Gentoo's name for tar.
rm -f /usr/sbin/installkernel
ln -s tar /usr/bin/gtar
ln -sf "$project/node_modules/node/bin/node" /usr/bin/node

# /var/db, where Portage keeps what is installed, is on no Debian machine: all of /var again on a tmpfs, which has one.
mkdir -p /run/var
mount -t tmpfs -o mode=0755 gentoo /run/var
for entry in /var/*; do
  if [ -L "$entry" ]; then
    cp -P "$entry" "/run$entry"
  elif [ -d "$entry" ]; then
    mkdir "/run$entry"
    mount --rbind "$entry" "/run$entry"
  fi
done
mount --rbind /run/var /var

echo 'portage:x:250:250:portage:/var/tmp/portage:/bin/false' >> /etc/passwd
echo 'portage:x:250:' >> /etc/group

# Portage runs from its folder as from a checkout of it; only its global settings are looked for in /usr/share.
mkdir -p /usr/share/portage
ln -s "$portage/share/portage/config" /usr/share/portage/config
for program in emerge ebuild portageq quickpkg; do
  printf '#!/bin/sh\nexec "%s/bin/python" "%s/bin/%s" "$@"\n' "$portage" "$portage" "$program" \
    > "/usr/bin/$program"
  chmod 755 "/usr/bin/$program"
done

# It has setuptools, and nothing else that a package might want for its build.
printf '#!/bin/sh\nexec "%s/bin/python" -m pip "$@"\n' "$portage" > /usr/bin/stand-in-pip
chmod 755 /usr/bin/stand-in-pip

mkdir -p /etc/portage/repos.conf /etc/portage/profile /var/db/repos /var/db/pkg /var/cache/distfiles \
  /var/cache/binpkgs /var/lib/portage /var/tmp/portage /var/lib/sample-kernels
cp -R "$project/test/gentoo/repo" /var/db/repos/gentoo
cp -R "$project/overlay" /var/db/repos/tenstorrent
chown -R root:root /var/db/repos
install -D -m 755 "$project/test/fixtures/gentoo/installkernel" /usr/libexec/installkernel-model
cat > /etc/portage/repos.conf/gentoo.conf << 'END'
[DEFAULT]
main-repo = gentoo

[gentoo]
location = /var/db/repos/gentoo
sync-type =
sync-uri =
auto-sync = no

[tenstorrent]
location = /var/db/repos/tenstorrent
sync-type =
auto-sync = no
END
ln -s /var/db/repos/gentoo/profiles/base /etc/portage/make.profile
cat > /etc/portage/make.conf << 'END'
# Sandboxes of Portage's own need what is not here, or have no place in ours.
FEATURES="-sandbox -usersandbox -userpriv -userfetch -network-sandbox -ipc-sandbox -pid-sandbox -mount-sandbox
  -news -xattr -merge-sync -qa-unresolved-soname-deps -binpkg-logs"
ACCEPT_KEYWORDS="~amd64"
ACCEPT_LICENSE="*"
MAKEOPTS="-j2"
SAMPLE_KERNELS="/var/lib/sample-kernels"
PORTAGE_ELOG_CLASSES="log warn error qa"
PORTAGE_ELOG_SYSTEM="save echo"
GENTOO_MIRRORS=""
CLEAN_DELAY=0
EMERGE_WARNING_DELAY=0
END
# What is here of Debian's, or brought by the sandbox.
cat > /etc/portage/profile/package.provided << 'END'
net-libs/nodejs-24.0.0
sys-apps/kmod-30
sys-apps/systemd-252
sys-apps/util-linux-2.38
sys-kernel/dkms-3.2.2
virtual/linux-sources-3
END
