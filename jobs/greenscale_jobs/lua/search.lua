-- Jobs of one state that fit, in the order of `page`. ARGV: now, state, text or '', since and until in Unix seconds or '', how
-- many are left to search (0: all), how many jobs to find, records and bytes to read in one go, so that Redis is not
-- blocked for long. Answers how many there are, how many are left to search, then id and hash of each that fits.
local state, since, till = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local text = ARGV[3] ~= '' and string.lower(ARGV[3]) -- ASCII alone: in the C locale no other byte has a lower case
local wanted, records, bytes = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

local function has(value) return value and string.find(string.lower(value), text, 1, true) end

-- Searches JSON, decoded only where that can matter: without a backslash a text is in it as it is.
local function has_inside(json, ...)
    if not json or not (string.find(json, '\\', 1, true) or has(json)) then return false end
    local ok, object = pcall(cjson.decode, json)
    if not ok or type(object) ~= 'table' then return false end
    for _, field in ipairs({ ... }) do
        if type(object[field]) == 'string' and has(object[field]) then return true end
    end
    return false
end

local function contains_text(id, job)
    local item = job.item or ''
    if has(id) or has(job.worker) or has(job.result) then return true end
    if string.find(item, '^%s*{') then
        if has_inside(item, 'prompt') then return true end
    elseif has(item) then
        return true
    end
    return has_inside(string.match(job.errors or '', '^.*\n(.*)$') or job.errors, 'reason', 'message')
end

local function fits(id, job)
    if since or till then
        local at = tonumber(job.finishedAt or job.claimedAt or job.submittedAt)
        if not at or (since and at < since) or (till and at >= till) then return false end
    end
    return not text or contains_text(id, job)
end

local only = state == 'cancelled' and state -- they are among the done
if only then state = 'done' end
local total, found = total_of(state), {}
local left = tonumber(ARGV[6])
if left == 0 or left > total then left = total end
if left == 0 then return { total, 0 } end
for _, entry in ipairs(ids_of(state, total - left, total - left + math.min(records, left) - 1)) do
    if #found == wanted or bytes <= 0 then break end
    left = left - 1
    local id, fields = read_entry(entry)
    local job = {}
    for i = 1, #fields, 2 do
        job[fields[i]] = fields[i + 1]
        bytes = bytes - #fields[i + 1]
    end
    if is_shown(state, fields) and (not only or job.state == only) and fits(id, job) then found[#found + 1] = { id, fields } end
end
return { total, left, unpack(found) }
