-- How a job that can never run goes to the dead.
-- Stop before anything is done if a key that all jobs share is of a foreign type: halfway, jobs would be lost.
local function refuse_foreign_keys()
    listed_count()
    moved_count()
    delayed_count()
    redis.call('LLEN', dead)
    for _, key in ipairs({ inflight, done }) do redis.call('ZCARD', key) end
end

local function result_ttl() return whole(spared(redis.pcall('HGET', config, 'resultTTLSeconds'))) or 86400 end

-- An error as one line of JSON. Both texts come from our own code and are valid UTF-8.
local function error_line(reason, message, attempt)
    return '{"reason":' .. cjson.encode(reason) .. ',"message":' .. cjson.encode(message)
        .. ',"attempt":' .. attempt .. ',"at":' .. stamp(now) .. '}'
end

-- One line for each failed attempt, oldest first.
local function remember_error(id, line)
    local earlier = redis.call('HGET', job_key(id), 'errors')
    redis.call('HSET', job_key(id), 'errors', earlier and (earlier .. '\n' .. line) or line)
end

local function drop_claim(id)
    redis.call('ZREM', inflight, id)
    redis.call('HDEL', job_key(id), 'token', 'cancel', 'alone')
end

-- A job's entry among the dead.
local function dead_entry(id, line) return '{"id":"' .. id .. '",' .. string.sub(line, 2) end

local function bury(id, reason, message, attempts)
    drop_claim(id)
    local line = error_line(reason, message, attempts)
    remember_error(id, line)
    local entry = dead_entry(id, line)
    redis.call('HSET', job_key(id), 'state', 'dead', 'attempts', attempts, 'finishedAt', stamp(now), 'dead', entry)
    redis.call('LPUSH', dead, entry)
    announce(id, 'dead', attempts, 'text', message)
    redis.call('EXPIRE', events_key(id), result_ttl())
    count('dead', 1)
end
