-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- Counters as Prometheus reads them.
local function rows(out, kind, name, stats)
	for _, field in ipairs { "scur", "smax", "stot" } do
		if stats[field] then
			out[#out + 1] = string.format('haproxy_%s_%s{name="%s"} %d', kind, field, name, stats[field])
		end
	end
end

core.register_service("metrics", "http", function(applet)
	local out = { "# TYPE haproxy_threads gauge", "haproxy_threads " .. core.get_info()["Nbthread"] }
	for name, px in pairs(core.frontends) do rows(out, "frontend", name, px:get_stats()) end
	for name, px in pairs(core.backends) do
		rows(out, "backend", name, px:get_stats())
		for server, s in pairs(px.servers) do
			local st = s:get_stats()
			out[#out + 1] = string.format('haproxy_server_up{backend="%s",server="%s"} %d', name, server,
			    (st.status == "no check" or st.status:find("^UP")) and 1 or 0)
		end
	end
	local text = table.concat(out, "\n") .. "\n"
	applet:set_status(200)
	applet:add_header("content-length", #text)
	applet:add_header("content-type", "text/plain; version=0.0.4")
	applet:start_response()
	if applet.method ~= "HEAD" then applet:send(text) end
end)
