-- End an attempt without a result. ARGV: now, id, token, how, delay in seconds, reason, message, limit. The ways:
-- retry: again after the delay; the attempt counts. dead: never again. release: back to the front, next in line.
-- postpone, behind: again after the delay, before or behind those that wait then; it costs no attempt, but after `limit`
-- seconds since the first such try (not counting those in which the queue was suspended) the job is dead.
-- lost: its engine died with it in hand; `limit` is how often it may be there alone.
-- Answers the job's new state, or `lost` where the claim is. A job that was cancelled meanwhile ends cancelled, whatever the
-- worker wanted. Repeated because the answer was lost, it does nothing and answers the state that the job has now.
local id, how, delay, reason, message, limit = ARGV[2], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], tonumber(ARGV[8])
refuse_foreign_keys()
local job = record(id, 'token', 'attempts', 'cancel', 'settledBy', 'state') or {}
if job[1] ~= ARGV[3] then return job[4] == ARGV[3] and job[5] or 'lost' end

local function delay_job(attempts, counter)
    redis.call('HSET', job_key(id), 'state', 'delayed', 'dueAt', stamp(now + delay), 'attempts', attempts)
    wait_until(id, now + delay)
    announce(id, 'delayed', attempts, 'text', message)
    count(counter, 1)
    return 'delayed'
end

local function postpone(attempts)
    local earlier = redis.call('HMGET', job_key(id), 'unchargedTries', 'unchargedFirstAt', 'unchargedSuspended', 'unchargedReason')
    -- The wait for a worker of a newer version has no limit, and the time that other reasons have begins after it.
    if reason == 'NewerVersion' or earlier[4] == 'NewerVersion' then earlier[2], earlier[3] = false, false end
    local first, suspended = instant(earlier[2]) or now, suspended_seconds()
    local tries, before = (whole(earlier[1]) or 0) + 1, instant(earlier[3]) or suspended
    redis.call('HSET', job_key(id), 'unchargedTries', tries, 'unchargedFirstAt', stamp(first), 'unchargedLastAt', stamp(now),
        'unchargedReason', reason, 'unchargedMessage', message, 'unchargedSuspended', stamp(before))
    if now - first - (suspended - before) >= limit then
        local why = '; given up after ' .. tries .. ' tries in ' .. limit .. ' s (queue.giveUpAfterSeconds)'
        bury(id, reason, message .. why, attempts)
        return 'dead'
    end
    if how == 'behind' then redis.call('HSET', job_key(id), 'behind', '1') end
    return delay_job(attempts, 'postponed')
end

local attempts = whole(job[2]) or 1
if how == 'lost' and not job[3] then
    write_though_full()
    redis.call('HSET', job_key(id), 'settledBy', job[1])
    count('lost', 1)
    return lose(id, reason, message, attempts, limit)
end
drop_claim(id)
redis.call('HSET', job_key(id), 'settledBy', job[1])
if job[3] then
    end_cancelled(id, attempts)
    return 'cancelled'
elseif how == 'dead' then
    spared(redis.pcall('HDEL', stats, 'troubleSince', 'troubleAt')) -- the engine works: this job alone is refused
    bury(id, reason, message, attempts)
    return 'dead'
elseif how == 'release' then
    wait_again(id, math.max(0, attempts - 1))
    return 'waiting'
elseif how == 'postpone' or how == 'behind' then
    return postpone(math.max(0, attempts - 1))
end
remember_error(id, error_line(reason, message, attempts))
return delay_job(attempts, 'retried')
