# Stand-in for the optfeature.eclass of Gentoo's own repository, which is not here: recommends packages.
# Written from its documentation, as far as the ebuilds in these tests use it.

optfeature() {
	local description=${1} package
	shift
	for package; do
		has_version -r "${package}" || elog "Install ${package} for ${description}"
	done
}
