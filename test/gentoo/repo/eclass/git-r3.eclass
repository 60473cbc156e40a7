# Stand-in for the git-r3.eclass of Gentoo's own repository, which is not here: clones the repository that the user's
# variable names in the place of the ebuild's.
# Written from its documentation, as far as the ebuilds in these tests use it.

PROPERTIES+=" live"
BDEPEND="dev-vcs/git"

git-r3_src_unpack() {
	local name=${EGIT_REPO_URI#*://*/} place
	name=${name%.git}
	name=${name//[^a-zA-Z0-9_]/_}
	place="EGIT_OVERRIDE_REPO_${name^^}"
	[[ -n ${!place} ]] || die "there is no network in these tests: set ${place}"
	git clone --quiet "${!place}" "${WORKDIR}/${P}" || die
}

EXPORT_FUNCTIONS src_unpack
