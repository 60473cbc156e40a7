# A stand-in for Gentoo's sys-kernel/installkernel, in both of its flavours: its own hooks, or systemd's kernel-install.

EAPI=8

DESCRIPTION="Stand-in for Gentoo's installkernel"
HOMEPAGE="https://github.com/projg2/installkernel-gentoo"
S="${WORKDIR}"

LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64"
IUSE="systemd"

src_compile() {
	local default=0
	if use systemd; then
		default=1
		# No boot loader: the plugins run, and nothing is copied to /boot.
		echo layout=other > install.conf || die
	fi
	sed "s/SYSTEMD_KERNEL_INSTALL:=0/SYSTEMD_KERNEL_INSTALL:=${default}/" "${FILESDIR}/installkernel" \
		> installkernel || die
}

src_install() {
	exeinto /sbin
	doexe installkernel
	local folder
	for folder in preinst.d install.d; do
		exeinto "/usr/lib/kernel/${folder}"
		doexe "${FILESDIR}/05-check-chroot.install"
	done
	if use systemd; then
		insinto /etc/kernel
		doins install.conf
	fi
}
