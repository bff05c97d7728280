-- Store results and drop their claims. ARGV: now, ttl in seconds, then id, token, outcome (JSON), text and the
-- piece of the text that no event has shown yet, of each.
-- Answers 1 for each that was stored, 0 for a claim that was lost in the meantime. Said again because the answer was
-- lost, it answers the same and does nothing.
local ttl, stored, finished = tonumber(ARGV[2]), {}, 0
for i = 3, #ARGV, 5 do
    local id, key = ARGV[i], job_key(ARGV[i])
    local job = redis.call('HMGET', key, 'token', 'attempts', 'settledBy')
    if job[1] == ARGV[i + 1] then
        drop_claim(id)
        redis.call('HSET', key, 'state', 'done', 'settledBy', job[1], 'outcome', ARGV[i + 2], 'result', ARGV[i + 3],
            'finishedAt', stamp(now))
        redis.call('HDEL', key, 'cancel')
        if ARGV[i + 4] ~= '' then announce(id, 'delta', job[2], 'text', ARGV[i + 4]) end
        announce(id, 'done', job[2])
        expire(id, ttl)
        finished = finished + 1
        stored[#stored + 1] = 1
    else
        stored[#stored + 1] = job[3] == ARGV[i + 1] and 1 or 0
    end
end
if finished > 0 then redis.call('HDEL', stats, 'fault', 'faultAt') end
count('done', finished)
return stored
