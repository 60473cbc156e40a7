# Stand-in for the udev.eclass of Gentoo's own repository, which is not here: installs rules.
# Written from its documentation, as far as the ebuilds in these tests use it.

get_udevdir() { echo /usr/lib/udev; }

udev_dorules() {
	( insinto "$(get_udevdir)/rules.d" && insopts -m 0644 && doins "${@}" )
}

udev_newrules() {
	( insinto "$(get_udevdir)/rules.d" && insopts -m 0644 && newins "${@}" )
}

# The machine's udevd is none of this root's business.
udev_reload() { :; }
