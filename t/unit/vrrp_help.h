/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp_help.h - instances and addresses for the tests of the VRRP parts.
 */
#ifndef TW_T_VRRP_HELP_H
#define TW_T_VRRP_HELP_H

#include <sys/socket.h>

#include "modules/vrrp/router.h"

static inline struct vr_ip
ip_of(const char *text)
{
	struct vr_ip ip;

	if (vr_ip_parse(text, &ip) != 0)
		abort();
	return ip;
}

/* keepalived's defaults. */
static inline struct vr_instance
instance_of(uint8_t version, uint8_t priority, struct vr_vip *vip, unsigned n_vips)
{
	const uint8_t family = n_vips > 0 ? vip[0].ip.family : AF_INET;

	return (struct vr_instance){
		.name = "VI_1",
		.interface = "eth0",
		.family = family,
		.version = version,
		.vrid = 51,
		.priority = priority,
		.advert_us = 1000000,
		.vip = vip,
		.n_vips = n_vips,
		.n_advertised = n_vips,
		.mcast_group = ip_of(family == AF_INET6 ? "ff02::12" : "224.0.0.18"),
		.down_timer_adverts = 3,
		.garp = { .delay_us = 5000000, .repeat = 5, .refresh_repeat = 1,
			.lower_prio_delay_us = 5000000, .lower_prio_repeat = 5 },
		.group = -1,
	};
}

#endif
