-- What every script begins with. KEYS[1] is the queue's list; the other keys are built from its name, as keys.py does.
-- ARGV[1] is the time in Unix seconds; empty means Redis' own clock, so that no worker's clock matters.
-- Every script writes first with a command that is allowed when memory is full (POP, ZREM, HDEL): from then on Redis lets
-- the rest of the script write too, so a full Redis refuses new jobs but still finishes those it has.
local list = KEYS[1]
local claiming, inflight, delayed = list .. ':claiming', list .. ':inflight', list .. ':delayed'
local dead, done, config, stats = list .. ':dead', list .. ':done', list .. ':config', list .. ':stats'

local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function stamp(seconds) return string.format('%.3f', seconds) end

-- The first write of a script that has no other which a full Redis allows.
local function write_though_full() redis.call('ZREM', inflight, '') end

local function job_key(id) return list .. ':job:' .. id end

local function events_key(id) return list .. ':events:' .. id end

-- How a job goes back to the list: its hash holds the item, whatever that looked like.
local function reference(id) return '{"id":"' .. id .. '"}' end

-- What a damaged key spoils: a key of a foreign type, a counter that is no number, a stream that can take no more.
local SPOILED = { 'WRONGTYPE', 'not an integer', 'overflow', 'exhausted' }

-- The answer of a pcall that concerns one job or a number only; nil where its key is damaged: that must not hold up the
-- other jobs, nor end a script that has taken some of them already.
local function spared(answer)
    if type(answer) ~= 'table' or not answer.err then return answer end
    for _, word in ipairs(SPOILED) do
        if string.find(answer.err, word, 1, true) then return nil end
    end
    error(answer.err, 0)
end

-- Stop before anything is done if a key that all jobs share is of a foreign type: halfway, jobs would be lost.
local function refuse_foreign_keys()
    for _, key in ipairs({ list, claiming, dead }) do redis.call('LLEN', key) end
    for _, key in ipairs({ inflight, delayed, done }) do redis.call('ZCARD', key) end
end

-- Fields of a job's record; nil where it is no record at all but a key of a foreign type.
local function record(id, ...)
    local fields = redis.pcall('HMGET', job_key(id), ...)
    if fields.err then return spared(fields) end
    return fields
end

-- Whether nothing is left of a job that could be done; its state has been read.
local function is_gone(id, state) return not state and not redis.call('HGET', job_key(id), 'item') end

-- A number that counts something, or nil: anybody may have written there.
local function whole(value)
    local number = tonumber(value or '')
    return number and number >= 0 and number <= 1e9 and math.floor(number) or nil
end

local function announce(id, kind, attempt, ...)
    spared(redis.pcall('XADD', events_key(id), '*', 'type', kind, 'attempt', attempt, ...))
end

local function count(what, by) if by > 0 then spared(redis.pcall('HINCRBY', stats, what, by)) end end

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
    redis.call('HDEL', job_key(id), 'token', 'cancel')
end

local function expire(id, ttl)
    redis.call('EXPIRE', job_key(id), ttl)
    redis.call('EXPIRE', events_key(id), ttl)
end

-- One command for many members, in portions that Lua's stack can hold.
local function of_many(command, key, args)
    for first = 1, #args, 1000 do redis.call(command, key, unpack(args, first, math.min(first + 999, #args))) end
end

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
    if not id and string.match(raw, '^%s*{') then
        local ok, item = pcall(cjson.decode, raw)
        if ok and type(item) == 'table' and type(item.id) == 'string' then
            id = string.match(item.id, '^%w[%w_.-]*$')
        end
    end
    return id and #id <= 64 and id or nil
end

-- What a waiting job may look like on the list. An adopted text got its id when it was claimed: since then it waits as a
-- reference, and an equal text on the list is another job.
local function on_the_list(id, item)
    if item and told_id(item) == id then return { reference(id), item } end
    return { reference(id) }
end

local function total_of(state)
    if state == 'waiting' then return redis.call('LLEN', list) end
    if state == 'dead' then return redis.call('LLEN', dead) end
    if state == 'done' then return redis.call('ZCOUNT', done, now, '+inf') end
    return redis.call('ZCARD', state == 'running' and inflight or delayed)
end

-- The ids of some jobs of one state, from 0, both included. Waiting: next first. Running: soonest lease first. Delayed:
-- soonest first. Dead, done: newest first. In place of an id stands { text } for a text without one, false for what
-- cannot be read.
local function ids_of(state, first, last)
    if state == 'done' then return redis.call('ZREVRANGE', done, first, last) end
    if state ~= 'waiting' and state ~= 'dead' then
        return redis.call('ZRANGE', state == 'running' and inflight or delayed, first, last)
    end
    local ids = {}
    if state == 'dead' then
        for _, entry in ipairs(redis.call('LRANGE', dead, first, last)) do ids[#ids + 1] = told_id(entry) or false end
    else
        local raws = redis.call('LRANGE', list, -1 - last, -1 - first)
        for i = #raws, 1, -1 do ids[#ids + 1] = told_id(raws[i]) or { raws[i] } end
    end
    return ids
end

-- The id, or '', and the record of what `ids_of` tells of.
local function look_at(entry)
    -- A text that some client pushed has no id and no hash until a worker takes it.
    if type(entry) == 'table' then return '', { 'state', 'waiting', 'item', entry[1] } end
    return entry or '', entry and spared(redis.pcall('HGETALL', job_key(entry))) or {}
end

-- A record that cannot be read is shown without fields; one that has just expired is not.
local function is_shown(state, fields) return #fields > 0 or state ~= 'done' end
