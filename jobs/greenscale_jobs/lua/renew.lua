-- Prolong leases. ARGV: now, lease in seconds, then id and token of each. Answers for each: held, cancel or lost.
local standing = {}
write_though_full()
for i = 3, #ARGV, 2 do
    local job = record(ARGV[i], 'token', 'cancel') or {}
    if job[1] ~= ARGV[i + 1] then
        standing[#standing + 1] = 'lost'
    else
        redis.call('ZADD', inflight, stamp(now + tonumber(ARGV[2])), ARGV[i])
        standing[#standing + 1] = job[2] and 'cancel' or 'held'
    end
end
return standing
