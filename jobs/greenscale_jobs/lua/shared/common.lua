-- Every script begins with this. KEYS[1] is the queue's list; the other keys are built from its name, as keys.py does.
-- ARGV[1] is the time in Unix seconds; empty means Redis' own clock, so that no worker's clock matters.
-- Every script writes first with a command that is allowed when memory is full (POP, ZREM, HDEL): from then on Redis lets
-- the rest of the script write too, so a full Redis refuses new jobs but still finishes those it has.
-- A script gets only the paragraphs of the shared files that it needs (scripts.py): an empty line ends one.
local list = KEYS[1]
local inflight, dead, done = list .. ':inflight', list .. ':dead', list .. ':done'
local config, stats = list .. ':config', list .. ':stats'

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

-- The answer of a pcall that concerns one job or a number only; nil where its key is damaged (of a foreign type, a counter
-- that is not a number, a stream that can take no more): that must not hold up the other jobs, nor end a script that has taken
-- some of them already.
local function spared(answer)
    if type(answer) ~= 'table' or not answer.err then return answer end
    for _, word in ipairs({ 'WRONGTYPE', 'not an integer', 'overflow', 'exhausted' }) do
        if string.find(answer.err, word, 1, true) then return nil end
    end
    error(answer.err, 0)
end

-- Fields of a job's record; nil where the key is not a record but of a foreign type.
local function record(id, ...)
    local fields = redis.pcall('HMGET', job_key(id), ...)
    if fields.err then return spared(fields) end
    return fields
end

-- A number that counts something, or nil: anybody may have written there.
local function whole(value)
    local number = tonumber(value or '')
    return number and number >= 0 and number <= 1e9 and math.floor(number) or nil
end

-- A time in Unix seconds, or nil.
local function instant(value)
    local number = tonumber(value or '')
    return number and number >= 0 and number <= 4e9 and number or nil
end

-- For how long this queue has been suspended since it exists, up to now.
local function suspended_seconds()
    local times = redis.call('HMGET', config, 'suspendedSeconds', 'suspendedAt')
    local since = instant(times[2])
    return (instant(times[1]) or 0) + (since and math.max(0, now - since) or 0)
end

local function announce(id, kind, attempt, ...)
    spared(redis.pcall('XADD', events_key(id), '*', 'type', kind, 'attempt', attempt, ...))
end

local function count(what, by) if by > 0 then spared(redis.pcall('HINCRBY', stats, what, by)) end end

local function expire(id, ttl)
    redis.call('EXPIRE', job_key(id), ttl)
    redis.call('EXPIRE', events_key(id), ttl)
end

-- One command for many members, in portions that Lua's stack can hold.
local function of_many(command, key, args)
    for first = 1, #args, 1000 do redis.call(command, key, unpack(args, first, math.min(first + 999, #args))) end
end
