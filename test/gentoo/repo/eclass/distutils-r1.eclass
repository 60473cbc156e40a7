# @ECLASS: distutils-r1.eclass
# @MAINTAINER: nobody@localhost
# @SUPPORTED_EAPIS: 8
# @PROVIDES: python-r1 python-single-r1
# @BLURB: A stand-in
# Stand-in for the distutils-r1.eclass of Gentoo's own repository, which is not here: builds and installs Python packages
# by pip, and refuses what the real one is documented to refuse.
# Written from its documentation, as far as the ebuilds in these tests use it.

if [[ -n ${DISTUTILS_SINGLE_IMPL} ]]; then
	inherit python-single-r1
else
	inherit python-r1
fi
# Of what only a build takes, it knows setuptools.
BDEPEND="${RDEPEND} dev-python/gpep517"
[[ -z ${DISTUTILS_EXT} ]] || IUSE+=" debug"

_distutils_for_each_python() {
	local implementation flags=python_targets
	[[ -n ${DISTUTILS_SINGLE_IMPL} ]] && flags=python_single_target
	for implementation in "${PYTHON_COMPAT[@]}"; do
		use "${flags}_${implementation}" || continue
		local EPYTHON=${implementation/_/.} BUILD_DIR="${WORKDIR}/build-${implementation}"
		mkdir -p "${BUILD_DIR}" || die
		"${@}"
	done
}

_distutils_pip() {
	stand-in-pip --quiet --disable-pip-version-check "${@}" --no-deps --no-index || die "pip ${1} failed"
}

distutils_wheel_install() {
	_distutils_pip install --ignore-installed --no-compile --root-user-action=ignore --no-warn-script-location \
		--root "${1}" --prefix /usr "${2}"
}

distutils-r1_python_compile() {
	_distutils_pip wheel --no-build-isolation --wheel-dir "${BUILD_DIR}/wheel" .
	distutils_wheel_install "${BUILD_DIR}/install" "${BUILD_DIR}"/wheel/*.whl
}

distutils-r1_python_prepare_all() {
	default
	_DISTUTILS_PREPARED=1
}

distutils-r1_src_prepare() {
	if declare -f python_prepare_all >/dev/null; then
		python_prepare_all
	else
		distutils-r1_python_prepare_all
	fi
	[[ -n ${_DISTUTILS_PREPARED} ]] || die "distutils-r1_python_prepare_all was not called"
}

distutils-r1_src_compile() {
	if declare -f python_compile >/dev/null; then
		_distutils_for_each_python python_compile
	else
		_distutils_for_each_python distutils-r1_python_compile
	fi
}

_distutils_install() {
	local name packages="${BUILD_DIR}/install/usr/lib/${EPYTHON}/site-packages"
	for name in examples test tests; do
		[[ ! -d ${packages}/${name} ]] || die "Failing install because of stray top-level files in site-packages: ${name}"
	done
	if [[ -z ${DISTUTILS_EXT} && -n $(find "${packages}" -name '*.so' -print -quit) ]]; then
		eqawarn "QA Notice: Python extension modules (*.so) found installed. Please set: DISTUTILS_EXT=1"
	fi
	find "${BUILD_DIR}/install/usr/bin" -type f -exec sed -i "1s|^#!.*python.*|#!/usr/bin/${EPYTHON}|" {} + 2>/dev/null
	cp -a "${BUILD_DIR}/install/." "${ED}/" || die
}

distutils-r1_src_install() {
	_distutils_for_each_python _distutils_install
	einstalldocs
}

EXPORT_FUNCTIONS src_prepare src_compile src_install
