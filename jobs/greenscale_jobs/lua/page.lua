-- A page of jobs, in the order a person wants. ARGV: now, state, offset, limit. Answers the total, then for each its id and hash.
local state, first = ARGV[2], tonumber(ARGV[3])
local page = { total_of(state) }
for _, id in ipairs(ids_of(state, first, first + tonumber(ARGV[4]) - 1)) do
    -- A text that some client pushed has no id and no hash until a worker takes it.
    local fields = type(id) == 'table' and { 'state', 'waiting', 'item', id[1] } or id and redis.call('HGETALL', job_key(id)) or {}
    if #fields > 0 then page[#page + 1] = { type(id) == 'table' and '' or id, fields } end
end
return page
