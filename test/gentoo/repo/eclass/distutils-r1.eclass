# @ECLASS: distutils-r1.eclass
# @MAINTAINER: nobody@localhost
# @SUPPORTED_EAPIS: 8
# @PROVIDES: python-r1 python-single-r1
# @BLURB: A stand-in
# Stand-in for the distutils-r1.eclass of Gentoo's own repository, which is not here: builds Python packages; here it has only metadata.
# Written from its documentation, as far as the ebuilds in these tests use it.

if [[ -n ${DISTUTILS_SINGLE_IMPL} ]]; then
	inherit python-single-r1
else
	inherit python-r1
fi
BDEPEND="${RDEPEND} dev-python/gpep517"

distutils_wheel_install() { die "the stand-in installs nothing"; }

distutils-r1_src_compile() { die "the stand-in builds nothing"; }

EXPORT_FUNCTIONS src_compile
