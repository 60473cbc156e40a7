# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

DISTUTILS_SINGLE_IMPL=1
DISTUTILS_USE_PEP517=setuptools
PYTHON_COMPAT=( python3_{11..14} )

inherit distutils-r1 pypi

DESCRIPTION="Flashes the firmware of Tenstorrent devices"
HOMEPAGE="
	https://github.com/tenstorrent/tt-flash
	https://pypi.org/project/tt-flash/
"

LICENSE="Apache-2.0"
SLOT="0"
KEYWORDS="~amd64"
# They want a card, and flash it.
RESTRICT="test"

# Upstream names one version each of pyyaml and tabulate; later ones have the few functions that it calls.
RDEPEND="
	$(python_gen_cond_dep '
		=dev-python/pyluwen-0.10*[${PYTHON_USEDEP}]
		>=dev-python/pyyaml-6.0.2[${PYTHON_USEDEP}]
		>=dev-python/requests-2.28.0[${PYTHON_USEDEP}]
		>=dev-python/tabulate-0.9.0[${PYTHON_USEDEP}]
		=dev-python/tt-tools-common-1*[${PYTHON_USEDEP}]
	')
"

python_prepare_all() {
	# All is in pyproject.toml. This is for an old Ubuntu, and wants tomli for the build.
	rm setup.py || die
	# They would be installed as a package of that name.
	rm -r tests || die
	distutils-r1_python_prepare_all
}
