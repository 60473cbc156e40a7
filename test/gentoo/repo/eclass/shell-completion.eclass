# Stand-in for the shell-completion.eclass of Gentoo's own repository, which is not here: installs completions.
# Written from its documentation, as far as the ebuilds in these tests use it.

newbashcomp() { ( insinto /usr/share/bash-completion/completions && newins "${@}" ); }
newzshcomp() { ( insinto /usr/share/zsh/site-functions && newins "${@}" ); }
newfishcomp() { ( insinto /usr/share/fish/vendor_completions.d && newins "${@}" ); }
