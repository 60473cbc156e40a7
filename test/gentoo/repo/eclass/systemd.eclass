# Stand-in for the systemd.eclass of Gentoo's own repository, which is not here: installs units.
# Written from its documentation, as far as the ebuilds in these tests use it.

systemd_get_systemunitdir() { echo /usr/lib/systemd/system; }

systemd_dounit() {
	( insinto "$(systemd_get_systemunitdir)" && insopts -m 0644 && doins "${@}" )
}

systemd_is_booted() { [[ -d /run/systemd/system ]]; }
