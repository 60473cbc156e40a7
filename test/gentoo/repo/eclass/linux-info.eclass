# Stand-in for the linux-info.eclass of Gentoo's own repository, which is not here: finds the kernel's sources and looks at its configuration.
# Written from its documentation, as far as the ebuilds in these tests use it.

get_version() {
	KV_DIR=$(readlink -f "${KERNEL_DIR:-/usr/src/linux}")
	KV_OUT_DIR=${KV_DIR}
	[[ -e ${KV_DIR}/Makefile ]] || return 1
	KV_FULL=$(<"${KV_OUT_DIR}/include/config/kernel.release")
}

linux_chkconfig_present() { grep -q "^CONFIG_${1}=[ym]$" "${KV_OUT_DIR}/.config"; }

linux-info_pkg_setup() {
	if ! get_version; then
		ewarn "No kernel sources in ${KERNEL_DIR:-/usr/src/linux}"
		return 0
	fi
	local option missing=()
	for option in ${CONFIG_CHECK}; do
		linux_chkconfig_present "${option#\~}" && continue
		if [[ ${option} == \~* ]]; then
			ewarn "CONFIG_${option#\~} is not set when it should be."
		else
			missing+=( "${option}" )
		fi
	done
	[[ ${#missing[@]} -eq 0 ]] || die "Incorrect kernel configuration options: ${missing[*]}"
}
