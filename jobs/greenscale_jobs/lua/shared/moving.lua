-- How a job goes from one state to another.
-- Whether nothing is left of a job that could be done; its state has been read.
local function is_gone(id, state) return not state and not redis.call('HGET', job_key(id), 'item') end

local function wait_again(id, attempts)
    drop_claim(id)
    redis.call('HSET', job_key(id), 'state', 'waiting', 'attempts', attempts)
    wait_first(reference(id))
    announce(id, 'waiting', attempts)
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
    if losses > 1 then become_suspect(id) end
    return 'waiting'
end

-- Whether a job is not where its record says: somebody removed it there, or Redis did.
local function is_stray(id, state, item)
    if state == 'running' then return not redis.call('ZSCORE', inflight, id) end
    if state == 'delayed' then return not is_delayed(id) end
    return state == 'waiting' and not is_listed(id, item)
end

-- A stray goes where its record says. Its worker may be alive: it gets a lease, which is renewed or ends.
local function recover(id)
    local job = record(id, 'state', 'item', 'dueAt')
    if not job or not job[1] or not is_stray(id, job[1], job[2]) then return false end
    if job[1] == 'running' then
        redis.call('ZADD', inflight, stamp(now + 30), id)
    elseif job[1] == 'delayed' then
        wait_until(id, instant(job[3]) or now)
    else
        wait_last(reference(id))
        announce(id, 'waiting', 0)
    end
    return true
end

-- Removes what only an outage or a loss writes; a job that is redriven starts without it.
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
    wait_last(reference(id))
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

-- A job whose record was replaced by a key of a foreign type: what is left of it is its entry among the dead.
local function bury_unreadable(id)
    local message = 'its record ' .. job_key(id) .. ' is not a hash any more: its prompt is lost'
    redis.call('LPUSH', dead, dead_entry(id, error_line('Damaged', message, 0)))
    count('dead', 1)
end
