# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

DISTUTILS_SINGLE_IMPL=1
DISTUTILS_USE_PEP517=setuptools
# As far as dev-python/tt-umd goes.
PYTHON_COMPAT=( python3_{11..13} )

inherit distutils-r1 pypi

DESCRIPTION="Shows and resets Tenstorrent devices"
HOMEPAGE="
	https://github.com/tenstorrent/tt-smi
	https://pypi.org/project/tt-smi/
"

LICENSE="Apache-2.0"
SLOT="0"
KEYWORDS="~amd64"
# They want a card.
RESTRICT="test"

# Upstream lists pre-commit too, which nothing in it imports.
RDEPEND="
	$(python_gen_cond_dep '
		>=dev-python/distro-1.8.0[${PYTHON_USEDEP}]
		>=dev-python/elasticsearch-8.11.0[${PYTHON_USEDEP}]
		>=dev-python/pydantic-1.2[${PYTHON_USEDEP}]
		=dev-python/pyluwen-0.10*[${PYTHON_USEDEP}]
		>=dev-python/rich-13.7.0[${PYTHON_USEDEP}]
		>=dev-python/textual-0.59.0[${PYTHON_USEDEP}]
		dev-python/tomli[${PYTHON_USEDEP}]
		~dev-python/tt-tools-common-1.6.0[${PYTHON_USEDEP}]
		~dev-python/tt-umd-0.9.12[${PYTHON_USEDEP}]
	')
"

python_prepare_all() {
	# All is in pyproject.toml. This is for an old Ubuntu, and wants tomli for the build.
	rm setup.py || die
	# They would be installed as a package of that name.
	rm -r tests || die
	distutils-r1_python_prepare_all
}
