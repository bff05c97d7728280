-- Append pieces of answers to their streams. ARGV: now, batch, then id, token, attempt and text of each. A lost claim
-- writes nothing, nor does a batch that is sent again because its answer was lost ('' is never one).
write_though_full()
local batch = ARGV[2]
for i = 3, #ARGV, 4 do
    local job = record(ARGV[i], 'token', 'shown') or {}
    if job[1] == ARGV[i + 1] and (batch == '' or job[2] ~= batch) then
        announce(ARGV[i], 'delta', ARGV[i + 2], 'text', ARGV[i + 3])
        if batch ~= '' then redis.call('HSET', job_key(ARGV[i]), 'shown', batch) end
    end
end
