-- Store results and drop their claims. ARGV: now, ttl in seconds, then id, token, outcome (JSON), text, the
-- piece of the text that no event has shown yet and how many tokens it took ('' if unknown), of each.
-- Answers 1 for each that was stored, 0 for a claim that was lost in the meantime. Sent again because the answer was
-- lost, it answers the same and does nothing.
local ttl, stored, places, attempts, marked, tokens = tonumber(ARGV[2]), {}, {}, {}, {}, 0
local finished, expiring = {}, {}
local finished_at, expires_at = stamp(now), stamp(now + ttl)
for i = 3, #ARGV, 6 do
    local id = ARGV[i]
    local job = record(id, 'token', 'attempts', 'settledBy', 'cancel', 'losses', 'lostAlone') or {}
    local held = job[1] == ARGV[i + 1]
    if held and not places[id] then
        places[id], attempts[id], marked[id] = i, job[2] or '1', job[4] or job[5] or job[6]
        finished[#finished + 1] = id
        expiring[#expiring + 1] = expires_at
        expiring[#expiring + 1] = id
        stored[#stored + 1] = 1
    else
        stored[#stored + 1] = (held or job[3] == ARGV[i + 1]) and 1 or 0
    end
end
if #finished == 0 then return stored end

-- A write that a full Redis allows, like every script's first.
spared(redis.pcall('HDEL', stats, 'fault', 'faultAt', 'faultUntil', 'troubleSince', 'troubleAt'))
-- The keys that all jobs share come first: one of a foreign type must stop us before a record has changed.
of_many('ZADD', done, expiring)
of_many('ZREM', inflight, finished)
for _, id in ipairs(finished) do
    local i, key, attempt = places[id], job_key(id), attempts[id]
    -- Without a loss there is no other mark of a suspect. One command less for nearly every job.
    if marked[id] then
        redis.call('HDEL', key, 'cancel', 'alone', 'losses', 'lostAlone', 'suspectSince', 'drainedBy', 'drainedUntil')
    end
    redis.call('HSET', key, 'state', 'done', 'token', '', 'settledBy', ARGV[i + 1], 'outcome', ARGV[i + 2],
        'result', ARGV[i + 3], 'finishedAt', finished_at)
    if ARGV[i + 4] ~= '' then announce(id, 'delta', attempt, 'text', ARGV[i + 4]) end
    announce(id, 'done', attempt)
    expire(id, ttl)
    tokens = tokens + (tonumber(ARGV[i + 5]) or 0)
end
count('done', #finished)
count('tokens', tokens)
return stored
