# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

inherit optfeature shell-completion systemd

DESCRIPTION="Keeps Tenstorrent's kernel driver built for every kernel"
HOMEPAGE="https://github.com/tenstorrent/tt-kmd"
SRC_URI="${P}.tar.gz"

# The second line is what the bundle holds: THIRD-PARTY-LICENSES.
LICENSE="Apache-2.0
	Apache-2.0 ISC MIT
"
SLOT="0"
KEYWORDS="~amd64"
IUSE="systemd"
# The release archive has no address of its own yet.
RESTRICT="fetch"

# The group of its control socket. What it calls: setpriv (where USE=caps has it), flock and logger, modinfo and
# depmod, and dkms for its work. Node.js is the system's: the one in the archive is for hosts without a package
# manager that has one.
RDEPEND="
	acct-group/ttkmd
	>=net-libs/nodejs-22.22.0
	sys-apps/kmod[tools]
	sys-apps/util-linux
	sys-kernel/dkms
	systemd? ( sys-apps/systemd )
"

pkg_nofetch() {
	einfo "Make the release archive in a clone of ttkmd, with npm and a network:"
	einfo "    npm run packages && npm run pack"
	einfo "and put build/${P}.tar.gz into your DISTDIR directory."
}

src_install() {
	# The bundled program; its hooks too, with which ttkmdctl hooks status compares those in place.
	insinto /usr/lib/ttkmd
	doins -r lib/. hooks
	doins package.json LICENSE THIRD-PARTY-LICENSES

	dobin hooks/usr/bin/ttkmdctl
	# Those in /etc/kernel are for other distributions: on Gentoo these three are run, and /etc is config-protected.
	local folder
	for folder in install.d preinst.d postinst.d; do
		exeinto "/usr/lib/kernel/${folder}"
		doexe "hooks/usr/lib/kernel/${folder}/35-ttkmd.install"
	done
	insinto /usr/lib/dracut/dracut.conf.d
	doins hooks/usr/lib/dracut/dracut.conf.d/50-ttkmd.conf
	exeinto /usr/share/ttkmd
	doexe hooks/usr/share/ttkmd/login-message.sh

	insinto /etc/ttkmd
	doins share/ttkmd.conf
	keepdir /etc/ttkmd/hooks.d /etc/ttkmd/ttkmd.conf.d

	if use systemd; then
		local unit
		for unit in units/usr/lib/systemd/system/*; do
			systemd_dounit "${unit}"
		done
	fi
	# Small, and there for whoever changes the init: OpenRC's scripts are installed whatever the flags.
	doinitd openrc/etc/init.d/*
	doconfd openrc/etc/conf.d/*

	doman share/man/man?/*
	newbashcomp share/completions/ttkmdctl.bash ttkmdctl
	newzshcomp share/completions/ttkmdctl.zsh _ttkmdctl
	newfishcomp share/completions/ttkmdctl.fish ttkmdctl.fish
	dodoc README.md
}

pkg_postinst() {
	# Compiled from the version that was.
	rm -rf "${EROOT}/var/cache/ttkmd/compiled" || die

	if [[ -z ${REPLACING_VERSIONS} ]]; then
		elog "Whether kernel installations reach ttkmd:"
		elog "    ttkmdctl hooks status"
		elog "The services, as root:"
		elog "    ttkmdctl service enable --now"
	fi
	optfeature "the driver itself" sys-kernel/tt-kmd[dkms]
}
