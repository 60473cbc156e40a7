# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

DISTUTILS_EXT=1
DISTUTILS_USE_PEP517=standalone
# Upstream has wheels for these.
PYTHON_COMPAT=( python3_{11..13} )

inherit distutils-r1 pypi

DESCRIPTION="User mode driver of Tenstorrent devices for Python (binary wheel)"
HOMEPAGE="
	https://github.com/tenstorrent/tt-umd
	https://pypi.org/project/tt-umd/
"
# Upstream publishes no source archive there, and a wheel for each Python.
SRC_URI="
	python_targets_python3_11? ( $(pypi_wheel_url "${PYPI_PN}" "${PV}" cp311 cp311-manylinux_2_28_x86_64) )
	python_targets_python3_12? ( $(pypi_wheel_url "${PYPI_PN}" "${PV}" cp312 cp312-manylinux_2_28_x86_64) )
	python_targets_python3_13? ( $(pypi_wheel_url "${PYPI_PN}" "${PV}" cp313 cp313-manylinux_2_28_x86_64) )
"
S="${WORKDIR}"

# The second line: flatbuffers; nanobind, and the hwloc that it brings; fmt, libuv, nng, spdlog, yaml-cpp.
LICENSE="Apache-2.0
	Apache-2.0 BSD MIT
"
SLOT="0"
KEYWORDS="-* ~amd64"
RESTRICT="strip"

RDEPEND="
	sys-devel/gcc
	sys-libs/glibc
"

QA_PREBUILT="
	usr/lib/python3*/site-packages/tt_umd/*.so
	usr/lib/python3*/site-packages/tt_umd.libs/*
"

# A wheel is handed to the installer whole.
src_unpack() { :; }

python_compile() {
	local tag=cp${EPYTHON#python}
	tag=${tag/.}
	distutils_wheel_install "${BUILD_DIR}/install" \
		"${DISTDIR}/$(pypi_wheel_name "${PYPI_PN}" "${PV}" "${tag}" "${tag}-manylinux_2_28_x86_64")"
}
