-- How a job goes from one state to another.
-- Whether nothing is left of a job that could be done; its state has been read.
local function is_gone(id, state) return not state and not redis.call('HGET', job_key(id), 'item') end

-- What a waiting job may look like on the list. An adopted text got its id when it was claimed: since then it waits as a
-- reference, and an equal text on the list is another job.
local function on_the_list(id, item)
    if item and told_id(item) == id then return { reference(id), item } end
    return { reference(id) }
end

local function wait_again(id, attempts)
    drop_claim(id)
    redis.call('HSET', job_key(id), 'state', 'waiting', 'attempts', attempts)
    redis.call('RPUSH', list, reference(id))
    announce(id, 'waiting', attempts)
end

-- Jobs for the same instant keep their order: each is due a microsecond after the last of the next 20 ms.
local function wait_until(id, due)
    local from, to = string.format('%.6f', due), string.format('%.6f', due + 0.02)
    local last = redis.call('ZREVRANGEBYSCORE', delayed, to, from, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    local score = last and math.max(due, tonumber(last) + 1e-6) or due
    redis.call('ZADD', delayed, string.format('%.6f', score), id)
end

-- An engine or a worker was lost with this job in hand. It costs no attempt. After two losses in company the job is a suspect,
-- which is claimed alone (claim.lua); it is dead after `most` losses alone. Answers its new state.
local function lose(id, reason, message, attempts, most)
    local job = record(id, 'losses', 'lostAlone', 'alone') or {}
    local losses, alone = whole(job[1]) or 0, whole(job[2]) or 0
    if job[3] then alone = alone + 1 else losses = losses + 1 end
    redis.call('HSET', job_key(id), 'losses', losses, 'lostAlone', alone)
    if job[3] and alone >= most then
        bury(id, reason, message .. '; it was alone there for the ' .. alone .. '. time (queue.maxLosses)', attempts)
        return 'dead'
    end
    remember_error(id, error_line(reason, message, attempts))
    wait_again(id, math.max(0, attempts - 1))
    if losses > 1 then redis.call('HSET', job_key(id), 'suspectSince', stamp(now)) end
    return 'waiting'
end

-- Whether a job is not where its record says: somebody removed it there, or Redis did.
local function is_stray(id, state, item)
    if state == 'running' then return not redis.call('ZSCORE', inflight, id) end
    if state == 'delayed' then return not redis.call('ZSCORE', delayed, id) end
    if state ~= 'waiting' then return false end
    for _, where in ipairs({ list, claiming }) do
        for _, raw in ipairs(on_the_list(id, item)) do
            if redis.call('LPOS', where, raw, 'RANK', -1) then return false end
        end
    end
    return true
end

-- A stray goes where it should be. Whoever runs it may be alive: it gets a lease, which is renewed or ends.
local function recover(id)
    local job = record(id, 'state', 'item', 'dueAt')
    if not job or not job[1] or not is_stray(id, job[1], job[2]) then return false end
    if job[1] == 'running' then
        redis.call('ZADD', inflight, stamp(now + 30), id)
    elseif job[1] == 'delayed' then
        wait_until(id, instant(job[3]) or now)
    else
        redis.call('LPUSH', list, reference(id))
        announce(id, 'waiting', 0)
    end
    return true
end

-- What only an outage or a loss writes; a job that is done or sent again has no more of it.
local function forgive(id)
    redis.call('HDEL', job_key(id), 'losses', 'lostAlone', 'suspectSince', 'drainedBy', 'drainedUntil', 'unchargedTries',
        'unchargedFirstAt', 'unchargedLastAt', 'unchargedReason', 'unchargedMessage', 'unchargedSuspended')
end

-- A job whose entry is off the dead: it starts again, with all attempts, behind those that wait.
local function revive(id)
    redis.call('HDEL', job_key(id), 'dead', 'finishedAt')
    forgive(id)
    redis.call('HSET', job_key(id), 'state', 'waiting', 'attempts', 0)
    redis.call('PERSIST', events_key(id))
    redis.call('LPUSH', list, reference(id))
    announce(id, 'waiting', 0)
end

local function end_cancelled(id, attempts)
    drop_claim(id)
    redis.call('HSET', job_key(id), 'state', 'cancelled', 'finishedAt', stamp(now))
    redis.call('HDEL', job_key(id), 'dueAt', 'behind')
    announce(id, 'cancelled', attempts)
    local ttl = result_ttl()
    expire(id, ttl)
    redis.call('ZADD', done, stamp(now + ttl), id)
    count('cancelled', 1)
end

-- A job whose record a key of a foreign type has taken the place of: what is left of it is its entry among the dead.
local function bury_unreadable(id)
    local message = 'its record ' .. job_key(id) .. ' is no hash any more: its prompt is lost'
    redis.call('LPUSH', dead, dead_entry(id, error_line('Damaged', message, 0)))
    count('dead', 1)
end
