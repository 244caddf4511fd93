# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Configurations to start from. The default one is installed only where there
# is none yet: what an administrator wrote is never overwritten.

CONF_FILES = $(wildcard $(srcdir)/conf/*.cfg $(srcdir)/conf/*.lua)
EXTRA_DIST += $(CONF_FILES)

exampledir = $(docdir)/examples
example_DATA = $(CONF_FILES)

tidewayconfdir = $(sysconfdir)/tideway
install-data-local: install-conf
uninstall-local: uninstall-conf

install-conf:
	$(MKDIR_P) "$(DESTDIR)$(tidewayconfdir)"
	@if test -e "$(DESTDIR)$(tidewayconfdir)/tideway.cfg"; then \
		echo "keeping $(DESTDIR)$(tidewayconfdir)/tideway.cfg"; \
	else \
		$(INSTALL_DATA) $(srcdir)/conf/tideway.cfg \
			"$(DESTDIR)$(tidewayconfdir)/tideway.cfg"; \
	fi

# Removed only when nobody changed it.
uninstall-conf:
	@if cmp -s $(srcdir)/conf/tideway.cfg \
	    "$(DESTDIR)$(tidewayconfdir)/tideway.cfg"; then \
		rm -f "$(DESTDIR)$(tidewayconfdir)/tideway.cfg"; \
	fi

.PHONY: install-conf uninstall-conf
