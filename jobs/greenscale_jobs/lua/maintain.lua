-- Move on what nobody moves: stranded claims, expired leases, due retries. ARGV: now, most losses alone, most jobs in one go.
-- Answers: how many were stranded, expired, due, dead; and in how many seconds the next is due ('' if none).
local most_losses, limit = tonumber(ARGV[2]), tonumber(ARGV[3])

-- When the next lease ends or retry is due; nil if there is none.
local function next_at()
    local lease_ends, due = first_score(inflight), first_due()
    return lease_ends and due and math.min(lease_ends, due) or lease_ends or due
end

local function seconds_until(at) return at and stamp(math.max(0, at - now)) or '' end

-- Mostly there is nothing to move: few commands find that out, since every worker asks every ten seconds.
local soonest = next_at()
if moved_count() == 0 and not (soonest and soonest <= now) then
    redis.call('ZREMRANGEBYSCORE', done, '-inf', now)
    return { 0, 0, 0, 0, seconds_until(soonest) }
end

refuse_foreign_keys()
redis.call('ZREMRANGEBYSCORE', done, '-inf', now)
local stranded, expired, due, buried = return_moved(), 0, 0, 0

local FINAL = { done = true, dead = true, cancelled = true }

-- The last to end first: each goes to the front, so the oldest ends up as the next.
for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', inflight, now, '-inf', 'LIMIT', 0, limit)) do
    local job = record(id, 'attempts', 'cancel', 'worker', 'state')
    local attempts = job and whole(job[1]) or 1
    if not job then
        redis.call('ZREM', inflight, id)
        bury_unreadable(id)
    elseif FINAL[job[4]] or is_gone(id, job[4]) then
        redis.call('ZREM', inflight, id)
    elseif job[2] then
        end_cancelled(id, attempts)
    else
        local message = 'worker ' .. (job[3] or '?') .. ' stopped renewing its lease'
        if lose(id, 'WorkerLost', message, attempts, most_losses) == 'dead' then
            buried = buried + 1
        else
            expired = expired + 1
        end
    end
end

-- A retry has had its turn and goes to the front; a job that was submitted for now, and one that others must vouch for,
-- comes behind those that wait.
local retries = {}
for _, id in ipairs(due_ids(limit)) do
    stop_delay(id)
    local job = record(id, 'state', 'attempts', 'behind')
    if not job then
        bury_unreadable(id)
    elseif not FINAL[job[1]] and job[1] ~= 'running' and not is_gone(id, job[1]) then
        redis.call('HDEL', job_key(id), 'dueAt', 'behind')
        due = due + 1
        local attempts = whole(job[2])
        if attempts and not job[3] then
            table.insert(retries, 1, { id, attempts })
        else
            redis.call('HSET', job_key(id), 'state', 'waiting')
            wait_last(reference(id))
            announce(id, 'waiting', attempts or 0)
        end
    end
end
for _, retry in ipairs(retries) do wait_again(retry[1], retry[2]) end
count('expired', expired)

return { stranded, expired, due, buried, seconds_until(next_at()) }
