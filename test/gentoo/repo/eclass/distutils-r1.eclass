# Stand-in for the distutils-r1.eclass of Gentoo's own repository, which is not here: builds Python packages; here it has only what their metadata need.
# Written from its documentation, as far as the ebuilds in these tests use it.

_targets=()
for _implementation in "${PYTHON_COMPAT[@]}"; do
	_targets+=( "python_targets_${_implementation}" )
done
_targets="${_targets[*]}"

if [[ -n ${DISTUTILS_SINGLE_IMPL} ]]; then
	IUSE="${_targets//python_targets_/python_single_target_}"
	REQUIRED_USE="^^ ( ${IUSE} )"
	RDEPEND=""
	for _implementation in "${PYTHON_COMPAT[@]}"; do
		RDEPEND+=" python_single_target_${_implementation}? ( dev-lang/python:${_implementation#python} )"
	done
	RDEPEND=${RDEPEND//:3_/:3.}
else
	IUSE="${_targets}"
	REQUIRED_USE="|| ( ${_targets} )"
	PYTHON_USEDEP="${_targets// /(-)?,}(-)?"
	RDEPEND=""
	for _implementation in "${PYTHON_COMPAT[@]}"; do
		RDEPEND+=" python_targets_${_implementation}? ( dev-lang/python:${_implementation#python} )"
	done
	RDEPEND=${RDEPEND//:3_/:3.}
fi
BDEPEND="${RDEPEND} dev-python/gpep517"

python_gen_cond_dep() {
	local implementation
	for implementation in "${PYTHON_COMPAT[@]}"; do
		echo "python_single_target_${implementation}? ( ${1//\$\{PYTHON_USEDEP\}/python_targets_${implementation}(-)} )"
	done
}

distutils_wheel_install() { die "the stand-in installs nothing"; }

distutils-r1_src_compile() { die "the stand-in builds nothing"; }

EXPORT_FUNCTIONS src_compile
unset _implementation _targets
