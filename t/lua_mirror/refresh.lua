-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
-- A list that a task loads again and again over HTTP; requests look into it.
local url, blocked, rounds = os.getenv("LIST_URL"), {}, 0

core.register_task(function()
	while true do
		local client = core.httpclient()
		local r = client:get { url = url, headers = { ["user-agent"] = { "refresh/1" } } }
		if r.status == 200 then
			local new = {}
			for line in r.body:gmatch("[^\r\n]+") do
				if not line:find("^#") then new[line] = true end
			end
			blocked, rounds = new, rounds + 1
		else
			core.Warning("refresh: " .. tostring(r.status))
		end
		core.msleep(50)
	end
end)

core.register_action("blocked", { "http-req" }, function(txn)
	txn:set_var("txn.rounds", rounds)
	if blocked[txn.sf:req_hdr("user-agent")] then return act.DENY end
end)
