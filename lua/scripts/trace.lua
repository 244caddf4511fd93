-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- trace.lua - a request id and a W3C trace context, for servers, clients and the log.
-- Arguments and examples: trace.md.
local arg = tw.args(..., {
	header = { "string", "x-request-id" },
	trust = { "boolean", false }, -- a client's request id and trace count
	sample = { "number", 100, min = 0, max = 100 }, -- percent of new traces
	answer = { "boolean", true }, -- the client is told the request id
})
local id_var = "request_id_" .. tw.script:gsub("%W", "_")

-- The fetch uuid() is 122 random bits; the last 16 digits are never all 0.
local function random_hex(req, digits)
	return req.f:uuid():gsub("-", ""):sub(-digits)
end

-- "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": trace, parent, flags.
-- returns: the trace and its flags; nil: it is none (W3C Trace Context, 3.2.2).
local function parse(text)
	local version, trace, parent, flags, more =
		(text or ""):match("^(%x%x)%-(%x+)%-(%x+)%-(%x%x)(.*)$")
	if not version or text:find("%u") or version == "ff" or #trace ~= 32 or #parent ~= 16 or
		trace:find("^0+$") or parent:find("^0+$") or
		more ~= "" and (version == "00" or more:sub(1, 1) ~= "-") then
		return nil
	end
	return trace, flags
end

-- A request id that cannot break a line of the log.
local function is_id(text)
	return text and #text <= 128 and text:find("^[%w_.:+/=@-]+$")
end

function on_request(req)
	local headers = req.headers
	local trace, flags = parse(arg.trust and headers.traceparent)
	if not trace then
		trace = random_hex(req, 32)
		flags = req.f:rand(100000) < arg.sample * 1000 and "01" or "00"
		headers.tracestate = nil -- it belongs to the other trace
	end
	-- We are a step of the trace: the servers' parent is ours.
	local span = random_hex(req, 16)
	headers.traceparent = ("00-%s-%s-%s"):format(trace, span, flags)

	local given = headers[arg.header]
	local id = arg.trust and is_id(given) and given or trace
	headers[arg.header] = id
	req.vars[id_var] = id
	req:log { request_id = id, trace = trace, span = span }
end

function on_response(res, req)
	if arg.answer then
		res.headers[arg.header] = req.vars[id_var]
	end
end
