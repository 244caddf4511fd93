# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What surrounds the program: manual pages, the service, logs, scripts.

dist_man_MANS = contrib/man/tideway.1 contrib/man/tideway.cfg.5 \
	contrib/man/tideway-balance.7 contrib/man/tideway-control.7 \
	contrib/man/tideway-explain.1 contrib/man/tideway-ring.1 \
	contrib/man/tideway-lua.7 contrib/man/tideway-lua-test.1 \
	contrib/man/tideway-vrrp.7
dist_bin_SCRIPTS = contrib/tideway-ring
EXTRA_DIST += $(wildcard $(srcdir)/contrib/man/*.png)

dist_noinst_SCRIPTS = contrib/quickstart.sh contrib/check.sh \
	contrib/dev/lint.sh contrib/bench/vrrp.pl contrib/init.d/tideway
EXTRA_DIST += .ci/run contrib/dev/packages.sh

EXTRA_DIST += contrib/systemd/tideway.service.in
CLEANFILES += contrib/systemd/tideway.service
if SYSTEMD
systemdsystemunit_DATA = contrib/systemd/tideway.service
endif

# Made here and not by configure, which does not expand ${prefix}.
contrib/systemd/tideway.service: contrib/systemd/tideway.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) contrib/systemd && $(SED) \
		-e 's|@sbindir[@]|$(sbindir)|g' \
		-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		$(srcdir)/contrib/systemd/tideway.service.in >$@.tmp && mv $@.tmp $@

logrotatedir = $(sysconfdir)/logrotate.d
dist_logrotate_DATA = contrib/logrotate/tideway
rsyslogdir = $(sysconfdir)/rsyslog.d
dist_rsyslog_DATA = contrib/rsyslog/tideway.conf
