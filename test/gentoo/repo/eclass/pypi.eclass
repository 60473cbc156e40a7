# Stand-in for the pypi.eclass of Gentoo's own repository, which is not here: the addresses of files on PyPI.
# Written from its documentation, as far as the ebuilds in these tests use it.

: "${PYPI_PN:=${PN}}"

pypi_normalize_name() {
	local name=${1//[-.]/_}
	echo "${name,,}"
}

pypi_wheel_name() {
	echo "$(pypi_normalize_name "${1:-${PYPI_PN}}")-${2:-${PV}}-${3:-py3}-${4:-none-any}.whl"
}

pypi_wheel_url() {
	local project=${1:-${PYPI_PN}}
	echo "https://files.pythonhosted.org/packages/${3:-py3}/${project::1}/${project}/$(pypi_wheel_name "${@}")"
}

SRC_URI="https://files.pythonhosted.org/packages/source/${PYPI_PN::1}/${PYPI_PN}/$(pypi_normalize_name "${PYPI_PN}")-${PV}.tar.gz"
S="${WORKDIR}/$(pypi_normalize_name "${PYPI_PN}")-${PV}"
