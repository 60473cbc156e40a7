# Stand-in for the linux-mod-r1.eclass of Gentoo's own repository, which is not here: builds a module for the kernel in /usr/src/linux.
# Written from its documentation, as far as the ebuilds in these tests use it.

inherit linux-info

IUSE="dist-kernel modules-compress modules-sign +strip"

RDEPEND="
	sys-apps/kmod[tools]
	dist-kernel? ( virtual/dist-kernel:= )
"
DEPEND="virtual/linux-sources"
BDEPEND="
	sys-apps/kmod[tools]
	modules-sign? ( dev-libs/openssl )
"
IDEPEND="sys-apps/kmod[tools]"

linux-mod-r1_pkg_setup() {
	[[ ${MERGE_TYPE} != binary ]] || return 0
	get_version || die "kernel sources are required to build kernel modules"
	local CONFIG_CHECK="${CONFIG_CHECK} MODULES"
	linux-info_pkg_setup
	MODULES_MAKEARGS=( ARCH=x86 V=1 CC=gcc LD=ld )
}

linux-mod-r1_src_compile() {
	local module
	# The path of a built module, and where it goes below /lib/modules/<release>.
	declare -gA MODULES_BUILT=()
	for module in "${modlist[@]}"; do
		[[ ${module} != *:* ]] || die "the stand-in knows no source folders"
		# As documented: the first of these that the Makefile has.
		local target
		for target in modules module "${module%%=*}.ko" default all; do
			nonfatal emake "${MODULES_MAKEARGS[@]}" "${modargs[@]}" -q "${target}" &>/dev/null
			[[ ${?} -eq 1 ]] && break
		done
		emake "${MODULES_MAKEARGS[@]}" "${modargs[@]}" "${target}"
		local folder=extra
		[[ ${module} == *=* ]] && folder=${module#*=}
		MODULES_BUILT[${PWD}/${module%%=*}.ko]=${folder}
	done
}

linux-mod-r1_src_install() {
	local module
	for module in "${!MODULES_BUILT[@]}"; do
		( insinto "/lib/modules/${KV_FULL}/${MODULES_BUILT[${module}]}" && doins "${module}" )
	done
	einstalldocs
}

linux-mod-r1_pkg_postinst() {
	[[ -n ${ROOT} ]] || depmod "${KV_FULL}" || die
}

EXPORT_FUNCTIONS pkg_setup src_compile src_install pkg_postinst
