-- After moving.lua.
-- End an attempt without a result. ARGV: now, id, token, how (retry, dead, release), delay in seconds, reason, message.
-- Answers the job's new state, or `lost`. A job that was cancelled meanwhile ends cancelled, whatever the worker wanted.
-- Said again because the answer was lost, it does nothing and answers the state that the job has now.
local id, how, delay, reason, message = ARGV[2], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
refuse_foreign_keys()
local job = record(id, 'token', 'attempts', 'cancel', 'settledBy', 'state') or {}
if job[1] ~= ARGV[3] then return job[4] == ARGV[3] and job[5] or 'lost' end
drop_claim(id)
redis.call('HSET', job_key(id), 'settledBy', job[1])
local attempts = whole(job[2]) or 1
if job[3] then
    end_cancelled(id, attempts)
    return 'cancelled'
elseif how == 'dead' then
    bury(id, reason, message, attempts)
    return 'dead'
elseif how == 'release' then
    wait_again(id, math.max(0, attempts - 1))
    return 'waiting'
end
remember_error(id, error_line(reason, message, attempts))
redis.call('HSET', job_key(id), 'state', 'delayed', 'dueAt', stamp(now + delay))
redis.call('ZADD', delayed, stamp(now + delay), id)
announce(id, 'delayed', attempts, 'text', message)
count('retried', 1)
return 'delayed'
