# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

inherit acct-group

DESCRIPTION="Group of those who may tell ttkmd what to do"

# Numbers are given out by Gentoo's own repository alone: the next that is free.
ACCT_GROUP_ID=-1
