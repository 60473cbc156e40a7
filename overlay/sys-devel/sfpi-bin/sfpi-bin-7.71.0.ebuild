# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

DESCRIPTION="Compiler for the vector units of Tenstorrent devices (binary package)"
HOMEPAGE="https://github.com/tenstorrent/sfpi"
# Built by upstream on Debian.
SRC_URI="https://github.com/tenstorrent/sfpi/releases/download/${PV}/sfpi_${PV}_x86_64_debian.txz -> ${P}.tar.xz"
S="${WORKDIR}/sfpi"

# sfpi itself; gcc and binutils; newlib.
LICENSE="Apache-2.0
	GPL-2+ GPL-3+ gcc-runtime-library-exception-3.1 FDL-1.3+ LGPL-2.1+
	NEWLIB LIBGLOSS
"
SLOT="0"
KEYWORDS="-* ~amd64"
# What it compiles is for the devices: neither strip nor a linker of this host has a say in it.
RESTRICT="strip"

RDEPEND="
	app-arch/xz-utils
	app-arch/zstd
	dev-libs/expat
	dev-libs/gmp
	dev-libs/isl
	dev-libs/mpc
	dev-libs/mpfr
	sys-devel/gcc
	sys-libs/glibc
	sys-libs/ncurses
	virtual/zlib
"

QA_PREBUILT="opt/tenstorrent/sfpi/*"

src_install() {
	# Where upstream's packages put it, and tt-metal looks for it.
	dodir /opt/tenstorrent
	cp -pPR "${S}" "${ED}/opt/tenstorrent/sfpi" || die
}
