# Stand-in for the python-single-r1.eclass of Gentoo's own repository, which is not here: a build for one Python; here it has only metadata.
# Written from its documentation, as far as the ebuilds in these tests use it.

_targets=()
RDEPEND=""
for _implementation in "${PYTHON_COMPAT[@]}"; do
	_targets+=( "python_single_target_${_implementation}" )
	RDEPEND+=" python_single_target_${_implementation}? ( dev-lang/python:${_implementation/python3_/3.} )"
done
IUSE="${_targets[*]}"
REQUIRED_USE="^^ ( ${IUSE} )"
unset _implementation _targets

python_gen_cond_dep() {
	local implementation
	for implementation in "${PYTHON_COMPAT[@]}"; do
		echo "python_single_target_${implementation}? ( ${1//\$\{PYTHON_USEDEP\}/python_targets_${implementation}(-)} )"
	done
}
