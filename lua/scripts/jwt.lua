-- SPDX-License-Identifier: Apache-2.0
-- Copyright the tideway authors
--
-- jwt.lua - only requests with a valid JSON Web Token pass.
-- Arguments and examples: jwt.md.
local arg = tw.args(..., {
	alg = { "string", one_of = { "HS256", "HS384", "HS512", "RS256", "RS384", "RS512",
		"ES256", "ES384", "ES512", "PS256", "PS384", "PS512" } },
	key = { "string" }, -- HS...: the secret; else a file with the public key
	iss = { "string", optional = true },
	aud = { "string", optional = true },
	leeway = { "time", 30, min = 0, max = 3600 }, -- clocks that differ
	claims = { "pairs", {} }, -- claim:header, for the servers
	realm = { "string", "api" },
})

-- The converter jwt_verify takes the algorithm from here, never from the token. A key
-- that cannot be read ends the start.
local function is_signed(token)
	return tw.c:jwt_verify(token, arg.alg, arg.key) == 1
end
local ok, why = pcall(is_signed, "")
if not ok then
	error(("%s: argument 'key': %s"):format(tw.script, why), 0)
end

local function is_for_us(aud)
	for _, one in ipairs(type(aud) == "table" and aud or { aud }) do
		if one == arg.aud then
			return true
		end
	end
	return not arg.aud
end

-- RFC 7519, 4.1. returns: nil, or what is wrong with them.
local function claims_wrong(claims)
	local now, exp, nbf = tw.now(), claims.exp, claims.nbf
	if type(exp) ~= "number" or now > exp + arg.leeway then
		return "the token has expired"
	elseif nbf ~= nil and (type(nbf) ~= "number" or now < nbf - arg.leeway) then
		return "the token is not valid yet"
	elseif arg.iss and claims.iss ~= arg.iss then
		return "the token has another issuer"
	elseif not is_for_us(claims.aud) then
		return "the token is for another audience"
	end
end

-- RFC 6750, 3: one who sent no token is told of no error.
local function refuse(req, text)
	local say = 'Bearer realm="' .. arg.realm .. '"'
	if text then
		say = say .. ', error="invalid_token", error_description="' .. text .. '"'
	end
	req:log { jwt = text or "no token" }
	req:reply(401, "", { ["www-authenticate"] = say })
end

-- To the servers; what the client calls so itself is not passed on.
local function pass(req, claims)
	for _, c in ipairs(arg.claims) do
		local value = claims[c[1]]
		local fits = type(value) == "number" or
			type(value) == "string" and not value:find("%c")
		req.headers[c[2]] = fits and value or nil
	end
end

function on_request(req)
	local scheme, token = (req.headers.authorization or ""):match("^(%a+) +([%w%-_.]+)$")
	if not scheme or scheme:lower() ~= "bearer" then
		return refuse(req)
	elseif not is_signed(token) then
		return refuse(req, "the signature is wrong")
	end
	local read, claims = pcall(tw.json.decode, tw.c:jwt_payload_query(token))
	if not read or type(claims) ~= "table" then
		return refuse(req, "the token cannot be read")
	end
	local wrong = claims_wrong(claims)
	if wrong then
		return refuse(req, wrong)
	end
	req:log { jwt = "ok" }
	pass(req, claims)
end
