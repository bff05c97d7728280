-- Store results and drop their claims. ARGV: now, ttl in seconds, then id, token, outcome (JSON), text, the
-- piece of the text that no event has shown yet and how many tokens it took ('' if unknown), of each.
-- Answers 1 for each that was stored, 0 for a claim that was lost in the meantime. Said again because the answer was
-- lost, it answers the same and does nothing.
local ttl, stored, finished, expiring, tokens = tonumber(ARGV[2]), {}, {}, {}, 0
local finished_at, expires_at = stamp(now), stamp(now + ttl)
-- A key of a foreign type must stop us before a record has changed.
redis.call('ZCARD', inflight)
redis.call('ZCARD', done)
for i = 3, #ARGV, 6 do
    local id, key = ARGV[i], job_key(ARGV[i])
    local job = record(id, 'token', 'attempts', 'settledBy') or {}
    if job[1] == ARGV[i + 1] then
        redis.call('HDEL', key, 'token', 'cancel')
        redis.call('HSET', key, 'state', 'done', 'settledBy', job[1], 'outcome', ARGV[i + 2], 'result', ARGV[i + 3],
            'finishedAt', finished_at)
        if ARGV[i + 4] ~= '' then announce(id, 'delta', whole(job[2]) or 1, 'text', ARGV[i + 4]) end
        announce(id, 'done', whole(job[2]) or 1)
        expire(id, ttl)
        finished[#finished + 1] = id
        expiring[#expiring + 1] = expires_at
        expiring[#expiring + 1] = id
        stored[#stored + 1] = 1
        tokens = tokens + (tonumber(ARGV[i + 5]) or 0)
    else
        stored[#stored + 1] = job[3] == ARGV[i + 1] and 1 or 0
    end
end
-- Last: a job that is done and still looks leased is only done again.
of_many('ZREM', inflight, finished)
of_many('ZADD', done, expiring)
if #finished > 0 then spared(redis.pcall('HDEL', stats, 'fault', 'faultAt')) end
count('done', #finished)
count('tokens', tokens)
return stored
