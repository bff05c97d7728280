-- How a job goes from one state to another.
-- Whether nothing is left of a job that could be done; its state has been read.
local function is_gone(id, state) return not state and not redis.call('HGET', job_key(id), 'item') end

local function wait_again(id, attempts)
    drop_claim(id)
    redis.call('HSET', job_key(id), 'state', 'waiting', 'attempts', attempts)
    redis.call('RPUSH', list, reference(id))
    announce(id, 'waiting', attempts)
end

-- A job whose entry is off the dead: it starts anew, with all attempts, behind those that wait.
local function revive(id)
    redis.call('HDEL', job_key(id), 'dead', 'finishedAt')
    redis.call('HSET', job_key(id), 'state', 'waiting', 'attempts', 0)
    redis.call('PERSIST', events_key(id))
    redis.call('LPUSH', list, reference(id))
    announce(id, 'waiting', 0)
end

local function end_cancelled(id, attempts)
    drop_claim(id)
    redis.call('HSET', job_key(id), 'state', 'cancelled', 'finishedAt', stamp(now))
    redis.call('HDEL', job_key(id), 'dueAt')
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

-- What a waiting job may look like on the list. An adopted text got its id when it was claimed: since then it waits as a
-- reference, and an equal text on the list is another job.
local function on_the_list(id, item)
    if item and told_id(item) == id then return { reference(id), item } end
    return { reference(id) }
end
