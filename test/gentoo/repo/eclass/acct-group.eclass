# Stand-in for the acct-group.eclass of Gentoo's own repository, which is not here: makes the group that the package is called.
# Written from its documentation, as far as the ebuilds in these tests use it.

: "${DESCRIPTION:="System group: ${PN}"}"
SLOT="0"
KEYWORDS="amd64 ~amd64"
S="${WORKDIR}"

acct-group_pkg_preinst() {
	[[ -n ${ACCT_GROUP_ID} ]] || die "ACCT_GROUP_ID is not set"
	getent group "${PN}" >/dev/null || groupadd --system "${PN}" || die
}

EXPORT_FUNCTIONS pkg_preinst
