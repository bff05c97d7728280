-- Move on what nobody moves: stranded claims, expired leases, due retries. ARGV: now, most attempts, most jobs in one go.
-- Answers: how many were stranded, expired, due, dead; and in how many seconds the next is due ('' if none).
local most_attempts, limit = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', done, '-inf', now)
local stranded, expired, due, buried = return_claiming(), 0, 0, 0

for _, id in ipairs(redis.call('ZRANGEBYSCORE', inflight, '-inf', now, 'LIMIT', 0, limit)) do
    local job = redis.call('HMGET', job_key(id), 'attempts', 'cancel', 'worker')
    local attempts = tonumber(job[1])
    if not attempts then
        redis.call('ZREM', inflight, id)
    elseif job[2] then
        end_cancelled(id, attempts)
    else
        local message = 'worker ' .. (job[3] or '?') .. ' stopped renewing its lease'
        if attempts >= most_attempts then
            bury(id, 'LeaseExpired', message .. ' on attempt ' .. attempts .. ' of ' .. most_attempts, attempts)
            buried = buried + 1
        else
            redis.call('ZREM', inflight, id)
            remember_error(id, error_line('LeaseExpired', message, attempts))
            wait_again(id, attempts)
            expired = expired + 1
        end
    end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, limit)) do
    redis.call('ZREM', delayed, id)
    local attempts = redis.call('HGET', job_key(id), 'attempts')
    if attempts then
        redis.call('HDEL', job_key(id), 'dueAt')
        wait_again(id, attempts)
        due = due + 1
    end
end
count('expired', expired)

local soonest = ''
for _, set in ipairs({ inflight, delayed }) do
    local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
    if first and (soonest == '' or tonumber(first) < tonumber(soonest)) then soonest = first end
end
return { stranded, expired, due, buried, soonest ~= '' and stamp(math.max(0, soonest - now)) or '' }
