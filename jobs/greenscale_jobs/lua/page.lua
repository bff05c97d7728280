-- A page of jobs, in the order a person wants. ARGV: now, state, offset, limit. Answers the total, then for each its id and hash.
local state, first = ARGV[2], tonumber(ARGV[3])
local page = { total_of(state) }
for _, entry in ipairs(ids_of(state, first, first + tonumber(ARGV[4]) - 1)) do
    local name, fields = read_entry(entry)
    if is_shown(state, fields) then page[#page + 1] = { name, fields } end
end
return page
