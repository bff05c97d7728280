-- A page of jobs, in the order a person wants. ARGV: now, state, offset, limit. Answers the total, then for each its id and hash.
-- Waiting: next first. Running: soonest lease first. Delayed: soonest first. Dead, done: newest first.
local state, first = ARGV[2], tonumber(ARGV[3])
local last = first + tonumber(ARGV[4]) - 1
local total, ids = 0, {}
if state == 'waiting' then
    total = redis.call('LLEN', list)
    local raws = redis.call('LRANGE', list, -1 - last, -1 - first)
    for i = #raws, 1, -1 do ids[#ids + 1] = told_id(raws[i]) or { raws[i] } end
elseif state == 'dead' then
    total = redis.call('LLEN', dead)
    for _, entry in ipairs(redis.call('LRANGE', dead, first, last)) do ids[#ids + 1] = told_id(entry) or '' end
elseif state == 'done' then
    total = redis.call('ZCOUNT', done, now, '+inf')
    ids = redis.call('ZREVRANGE', done, first, last)
else
    local set = state == 'running' and inflight or delayed
    total = redis.call('ZCARD', set)
    ids = redis.call('ZRANGE', set, first, last)
end

local page = { total }
for _, id in ipairs(ids) do
    -- A text that some client pushed has no id and no hash until a worker takes it.
    local fields = type(id) == 'table' and { 'state', 'waiting', 'item', id[1] } or spared(redis.pcall('HGETALL', job_key(id))) or {}
    -- A record that cannot be read is shown without fields; one that has just expired is not.
    if #fields > 0 or state ~= 'done' then page[#page + 1] = { type(id) == 'table' and '' or id, fields } end
end
return page
