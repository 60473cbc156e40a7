# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

inherit linux-info linux-mod-r1 optfeature udev

DESCRIPTION="Kernel driver of Tenstorrent's AI accelerators"
HOMEPAGE="https://github.com/tenstorrent/tt-kmd"

if [[ ${PV} == 9999 ]]; then
	inherit git-r3
	EGIT_REPO_URI="https://github.com/tenstorrent/tt-kmd.git"
else
	SRC_URI="https://github.com/tenstorrent/tt-kmd/archive/refs/tags/ttkmd-${PV}.tar.gz -> ${P}.tar.gz"
	S="${WORKDIR}/tt-kmd-ttkmd-${PV}"
	KEYWORDS="~amd64"
fi

# Version 2 only.
LICENSE="GPL-2"
SLOT="0"
IUSE="+dkms"

RDEPEND="dkms? ( sys-kernel/dkms )"

MODULES_KERNEL_MIN=5.4

# The version by its own dkms.conf, which names the folder in /usr/src; of 9999 it is the next release's.
DKMS_VERSION=
# What a build of this package under USE=-dkms has left: Portage keeps files in /lib/modules.
LEFT_MODULES=()

pkg_setup() {
	if use dkms; then
		# Which kernels there are or will be is not known here; a driver that cannot be built is told of later.
		local CONFIG_CHECK="~HUGETLBFS ~HWMON ~MODULES ~PCI"
		linux-info_pkg_setup
	else
		local CONFIG_CHECK="~HUGETLBFS HWMON PCI"
		linux-mod-r1_pkg_setup
	fi
}

src_prepare() {
	default

	DKMS_VERSION=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)
	[[ -n ${DKMS_VERSION} ]] || die "dkms.conf has no PACKAGE_VERSION"
	# The driver belongs to whoever registers it below. dkms's own hooks would delete a working module before they
	# build the next, and fail the kernel's installation; POST_INSTALL copies the udev rule to /etc.
	sed -i -e '/^AUTOINSTALL=/d' -e '/^POST_INSTALL=/d' -e '/^POST_REMOVE=/d' dkms.conf || die
}

src_compile() {
	use dkms && return

	local modlist=( tenstorrent )
	local modargs=( KDIR="${KV_OUT_DIR}" )
	linux-mod-r1_src_compile
}

src_install() {
	udev_newrules udev-50-tenstorrent.rules 50-tenstorrent.rules

	if use dkms; then
		insinto "/usr/src/tenstorrent-${DKMS_VERSION}"
		doins Makefile dkms.conf udev-50-tenstorrent.rules *.[ch]
		einstalldocs
	else
		linux-mod-r1_src_install
	fi
}

# dkms without what Portage sets for other builds and dkms hands on: ARCH=amd64 is none that a kernel knows.
run_dkms() {
	env -u ARCH -u CROSS_COMPILE -u KBUILD_OUTPUT -u KCFLAGS -u MAKEFLAGS dkms "${@}"
}

# Builds the driver for every kernel that can be built for. One for which it cannot is no reason to fail.
# usage: build_for_kernels [--force]
build_for_kernels() {
	if type -P ttkmdctl >/dev/null; then
		ttkmdctl reconcile "${@}"
		return
	fi
	local tree release failed=0
	if [[ ! -d ${EROOT}/var/lib/dkms/tenstorrent/${DKMS_VERSION} ]]; then
		run_dkms add -m tenstorrent -v "${DKMS_VERSION}" || return
	fi
	for tree in "${EROOT}"/lib/modules/*/build; do
		[[ -e ${tree}/Makefile ]] || continue
		release=${tree%/build}
		release=${release##*/}
		run_dkms install -m tenstorrent -v "${DKMS_VERSION}" -k "${release}" "${@}" || failed=1
	done
	return "${failed}"
}

# Builds the driver in the place of modules that USE=-dkms has installed: each goes when its successor is there.
# usage: build_in_place_of [--force] MODULE...
build_in_place_of() {
	local path release force=() result=0
	[[ ${1} == --force ]] && force=( --force ) && shift
	for path; do
		# By a name that no tool takes for a module's: dkms would keep it as the kernel's own.
		mv -- "${path}" "${path}.old" || die
	done
	build_for_kernels "${force[@]}" || result=1
	for path; do
		release=${path#"${EROOT}"/lib/modules/}
		release=${release%%/*}
		if modinfo -k "${release}" tenstorrent &>/dev/null; then
			rm -- "${path}.old" || die
		else
			mv -- "${path}.old" "${path}" && depmod "${release}" || die
			ewarn "${release} keeps the module that USE=-dkms has built for it"
		fi
	done
	return "${result}"
}

# Takes a version back from dkms, with its modules for every kernel.
# usage: take_back VERSION
take_back() {
	[[ -d ${EROOT}/var/lib/dkms/tenstorrent/${1} ]] || return 0
	run_dkms remove -m tenstorrent -v "${1}" --all ||
		ewarn "dkms could not remove tenstorrent ${1}; as root: dkms remove -m tenstorrent -v ${1} --all"
}

pkg_preinst() {
	# Switching between the flags: exactly one module is to be there afterwards.
	local path
	# A binary package has kept what was found where it was made.
	LEFT_MODULES=()
	if ! use dkms; then
		# While their sources are still there, without which dkms removes nothing.
		[[ -z ${ROOT} ]] || return 0
		for path in "${EROOT}"/var/lib/dkms/tenstorrent/*; do
			[[ -d ${path} && ! -L ${path} ]] && take_back "${path##*/}"
		done
	elif has_version "${CATEGORY}/${PN}[-dkms(-)]"; then
		for path in "${EROOT}"/lib/modules/*/extra/tenstorrent.ko*; do
			[[ -e ${path} && ${path} != *.old ]] && LEFT_MODULES+=( "${path}" )
		done
	fi
	return 0
}

pkg_postinst() {
	udev_reload

	if ! use dkms; then
		linux-mod-r1_pkg_postinst
		return
	fi

	if [[ -n ${ROOT} ]]; then
		elog "The driver is built when ${ROOT} is booted, by app-admin/ttkmd or by:"
		elog "    emerge --config ${CATEGORY}/${PN}"
		return
	fi
	einfo "Building tenstorrent ${DKMS_VERSION} for the kernels that are installed"
	if ! build_in_place_of "${LEFT_MODULES[@]}"; then
		ewarn "The driver could not be built for every kernel. What is wrong, and what to do:"
		ewarn "    ttkmdctl status    (app-admin/ttkmd), or: dkms status"
		ewarn "Then build it again: emerge --config ${CATEGORY}/${PN}"
	fi
	if ! has_version app-admin/ttkmd; then
		elog "Nothing builds this driver for kernels that come later, unless you do:"
		elog "    emerge --config ${CATEGORY}/${PN}"
		optfeature "building it before the reboot into each new kernel" app-admin/ttkmd
	fi
}

pkg_prerm() {
	use dkms || return 0
	[[ -z ${ROOT} ]] || return 0
	if [[ -n ${REPLACED_BY_VERSION} ]]; then
		# What comes next builds anew. ttkmd keeps this one's modules until that is done; under plain dkms another
		# version's source has to be there for its removal, and it goes now.
		[[ ${REPLACED_BY_VERSION} == "${PVR}" ]] || type -P ttkmdctl >/dev/null || take_back "${DKMS_VERSION}"
		return 0
	fi
	take_back "${DKMS_VERSION}"
}

pkg_postrm() {
	udev_reload
}

pkg_config() {
	use dkms || die "with USE=-dkms: emerge --oneshot ${CATEGORY}/${PN}"
	[[ -z ${ROOT} ]] || die "ROOT is ${ROOT}: boot that system first"
	# What was kept for want of a successor, too: dkms has a link for each kernel that it has installed one for.
	local path release left=()
	for path in "${EROOT}"/lib/modules/*/extra/tenstorrent.ko*; do
		release=${path#"${EROOT}"/lib/modules/}
		release=${release%%/*}
		[[ -e ${path} && ${path} != *.old ]] || continue
		compgen -G "${EROOT}/var/lib/dkms/tenstorrent/kernel-${release}-*" >/dev/null || left+=( "${path}" )
	done
	build_in_place_of --force "${left[@]}" || die "the driver could not be built for every kernel"
}
