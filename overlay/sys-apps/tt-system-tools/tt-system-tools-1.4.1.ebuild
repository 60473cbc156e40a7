# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

inherit systemd

DESCRIPTION="Tenstorrent's scripts for hugepages and for reports of what is wrong"
HOMEPAGE="https://github.com/tenstorrent/tt-system-tools"
SRC_URI="https://github.com/tenstorrent/tt-system-tools/archive/refs/tags/v${PV}.tar.gz -> ${P}.tar.gz"

LICENSE="Apache-2.0"
SLOT="0"
KEYWORDS="~amd64"
IUSE="systemd"

RDEPEND="
	app-shells/bash
	sys-apps/pciutils
	systemd? ( sys-apps/systemd )
"

src_install() {
	# Where upstream has them: its unit calls them there, and so do its other tools.
	exeinto /opt/tenstorrent/bin
	doexe hugepages-setup/hugepages-setup.sh
	newexe tt-oops/tt-oops.sh tt-oops
	dosym -r /opt/tenstorrent/bin/tt-oops /usr/bin/tt-oops

	if use systemd; then
		systemd_dounit hugepages-setup/tenstorrent-hugepages.service
		systemd_dounit "hugepages-setup/dev-hugepages\\x2d1G.mount"
	fi
	dodoc README.md
	newdoc hugepages-setup/README.md README-hugepages.md
}

pkg_postinst() {
	if has_version app-admin/ttkmd; then
		elog "ttkmd allocates and mounts hugepages too, and knows these: let one of the two do it."
	elif use systemd; then
		elog "To have hugepages at each boot, as root:"
		elog "    systemctl enable tenstorrent-hugepages.service 'dev-hugepages\\x2d1G.mount'"
	else
		elog "Nothing runs /opt/tenstorrent/bin/hugepages-setup.sh at boot; app-admin/ttkmd does its work under OpenRC."
	fi
}
