-- What takes jobs off the list, and those that can never run to the dead.
-- Stop before anything is done if a key that all jobs share is of a foreign type: halfway, jobs would be lost.
local function refuse_foreign_keys()
    for _, key in ipairs({ list, claiming, dead }) do redis.call('LLEN', key) end
    for _, key in ipairs({ inflight, delayed, done }) do redis.call('ZCARD', key) end
end

-- How a job goes back to the list: its hash holds the item, whatever that looked like.
local function reference(id) return '{"id":"' .. id .. '"}' end

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

-- What stands among the dead for a job.
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

-- LPOP gives the newest first, so the oldest ends at the right, where it is taken next.
local function return_claiming()
    local stranded = redis.call('LPOP', claiming, 1000) or {}
    for _, raw in ipairs(stranded) do redis.call('RPUSH', list, raw) end
    return #stranded
end

-- The id that an item gives itself, or nil. What is longer than records.MAX_ITEM_BYTES is never decoded: it would hold up Redis.
local function told_id(raw)
    if #raw > 8388608 then return nil end
    local id = string.match(raw, '^{"id":"(%w[%w_.-]*)"') -- our own producers: no need to decode
    if not id and (string.match(raw, '^%s*{') or string.match(raw, '^\239\187\191%s*{')) then
        local ok, item = pcall(cjson.decode, string.match(raw, '{.*'))
        local own = ok and type(item) == 'table' and item.id
        if type(own) == 'number' and own % 1 == 0 then own = string.format('%.0f', own) end
        id = type(own) == 'string' and string.match(own, '^%w[%w_.-]*$') or nil
    end
    return id and #id <= 64 and id or nil
end
