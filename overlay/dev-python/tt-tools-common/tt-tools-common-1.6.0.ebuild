# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

DISTUTILS_USE_PEP517=setuptools
PYTHON_COMPAT=( python3_{11..14} )

inherit distutils-r1 pypi

DESCRIPTION="What Tenstorrent's command line tools have in common"
HOMEPAGE="
	https://github.com/tenstorrent/tt-tools-common
	https://pypi.org/project/tt-tools-common/
"

LICENSE="Apache-2.0"
SLOT="0"
KEYWORDS="~amd64"
# They want a card.
RESTRICT="test"

# Upstream counts pyluwen, which it imports, among what developers need.
RDEPEND="
	>=dev-python/distro-1.8.0[${PYTHON_USEDEP}]
	>=dev-python/elasticsearch-8.11.0[${PYTHON_USEDEP}]
	>=dev-python/psutil-5.9.6[${PYTHON_USEDEP}]
	>=dev-python/pydantic-1.2[${PYTHON_USEDEP}]
	=dev-python/pyluwen-0.10*[${PYTHON_USEDEP}]
	>=dev-python/pyyaml-6.0.1[${PYTHON_USEDEP}]
	>=dev-python/requests-2.32.3[${PYTHON_USEDEP}]
	>=dev-python/rich-13.7.0[${PYTHON_USEDEP}]
	>=dev-python/textual-0.59.0[${PYTHON_USEDEP}]
	dev-python/tomli[${PYTHON_USEDEP}]
	>=dev-python/tqdm-4.66.3[${PYTHON_USEDEP}]
"

python_prepare_all() {
	# All is in pyproject.toml. This is for an old Ubuntu, and wants tomli for the build.
	rm setup.py || die
	distutils-r1_python_prepare_all
}
