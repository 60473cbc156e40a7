# Stand-in for the python-r1.eclass of Gentoo's own repository, which is not here: one build for each Python; here it has only metadata.
# Written from its documentation, as far as the ebuilds in these tests use it.

_targets=()
RDEPEND=""
for _implementation in "${PYTHON_COMPAT[@]}"; do
	_targets+=( "python_targets_${_implementation}" )
	RDEPEND+=" python_targets_${_implementation}? ( dev-lang/python:${_implementation/python3_/3.} )"
done
IUSE="${_targets[*]}"
REQUIRED_USE="|| ( ${IUSE} )"
PYTHON_USEDEP="${IUSE// /(-)?,}(-)?"
unset _implementation _targets
