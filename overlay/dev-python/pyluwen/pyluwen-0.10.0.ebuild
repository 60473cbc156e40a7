# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

DISTUTILS_EXT=1
DISTUTILS_USE_PEP517=standalone
PYTHON_COMPAT=( python3_{11..14} )

inherit distutils-r1 pypi

# For the stable interface of Python 3.11 and later.
TAGS=( cp311 abi3-manylinux_2_28_x86_64 )

DESCRIPTION="Python's access to Tenstorrent devices through luwen (binary wheel)"
HOMEPAGE="
	https://github.com/tenstorrent/luwen
	https://pypi.org/project/pyluwen/
"
SRC_URI="$(pypi_wheel_url "${PYPI_PN}" "${PV}" "${TAGS[@]}")"
S="${WORKDIR}"

# The second line is what the Rust crates in it are under, by the list that the wheel has of them.
LICENSE="Apache-2.0
	Apache-2.0 MIT MPL-2.0 Unicode-3.0
"
SLOT="0"
KEYWORDS="-* ~amd64"
RESTRICT="strip"

RDEPEND="sys-libs/glibc"

QA_PREBUILT="usr/lib/python3*/site-packages/pyluwen/*.so"

# A wheel is handed to the installer whole.
src_unpack() { :; }

python_compile() {
	distutils_wheel_install "${BUILD_DIR}/install" \
		"${DISTDIR}/$(pypi_wheel_name "${PYPI_PN}" "${PV}" "${TAGS[@]}")"
}
