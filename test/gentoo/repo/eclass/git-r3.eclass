# Stand-in for the git-r3.eclass of Gentoo's own repository, which is not here: fetches from git; here nothing is fetched.
# Written from its documentation, as far as the ebuilds in these tests use it.

PROPERTIES+=" live"
BDEPEND="dev-vcs/git"

git-r3_src_unpack() { die "there is no network in these tests"; }

EXPORT_FUNCTIONS src_unpack
