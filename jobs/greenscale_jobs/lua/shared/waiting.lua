-- How jobs wait: on the list for a worker; in `claiming`, between a blocking claim's move and the script that leases them; and
-- among the delayed for their time. No other file touches these keys. The list's right end is its front: that job is taken next.
local claiming, delayed = list .. ':claiming', list .. ':delayed'

-- What a job looks like.

-- How a job goes back to the list: its hash holds the item, whatever that looked like.
local function reference(id) return '{"id":"' .. id .. '"}' end

-- The id that an item gives itself, or nil. What is longer than records.MAX_ITEM_BYTES is never decoded: it would hold up Redis.
local function given_id(raw)
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

-- What a waiting job may look like on the list. An adopted text got its id when it was claimed: since then it waits as a
-- reference, and an equal text on the list is another job.
local function list_entries(id, item)
    if item and given_id(item) == id then return { reference(id), item } end
    return { reference(id) }
end

-- How a job gets in.

local function wait_last(entry) redis.call('LPUSH', list, entry) end

local function wait_first(entry) redis.call('RPUSH', list, entry) end

-- Jobs for the same instant keep their order: each is due a microsecond after the last of the next 20 ms.
local function wait_until(id, due)
    local from, to = string.format('%.6f', due), string.format('%.6f', due + 0.02)
    local last = redis.call('ZREVRANGEBYSCORE', delayed, to, from, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    local score = last and math.max(due, tonumber(last) + 1e-6) or due
    redis.call('ZADD', delayed, string.format('%.6f', score), id)
end

-- From now on it is claimed alone (claim.lua).
local function become_suspect(id) redis.call('HSET', job_key(id), 'suspectSince', stamp(now)) end

-- How a job gets out. What is taken is an array of entries, the next first; the functions that return some begin at `from`.

local function take_moved(count) return redis.call('RPOP', claiming, count) or {} end

-- An error is returned in place of the entries: what was taken before must not be lost.
local function take_first(count) return redis.pcall('RPOP', list, count) or {} end

-- Back to where the next claim takes it first, even where the list is of a foreign type.
local function put_back(entries, from)
    for number = #entries, from, -1 do redis.call('RPUSH', claiming, entries[number]) end
end

-- Back to the list's front, in their order.
local function return_first(entries, from)
    for number = #entries, from, -1 do
        local pushed = redis.pcall('RPUSH', list, entries[number])
        if type(pushed) == 'table' then redis.call('RPUSH', claiming, entries[number]) end
    end
end

-- LPOP gives the newest first, so the oldest ends at the right, where it is taken next. Returns how many there were.
local function return_moved()
    local moved = redis.call('LPOP', claiming, 1000) or {}
    for _, entry in ipairs(moved) do wait_first(entry) end
    return #moved
end

-- Ids of jobs whose time has come, the soonest first; `stop_delay` takes each out.
local function due_ids(limit) return redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, limit) end

local function stop_delay(id) redis.call('ZREM', delayed, id) end

-- Take a job out, wherever it waits.
local function take_out(id, item)
    stop_delay(id)
    for _, key in ipairs({ list, claiming }) do
        for _, entry in ipairs(list_entries(id, item)) do
            if redis.call('LREM', key, 1, entry) > 0 then return end
        end
    end
end

-- How many wait, and when the first is due. Another queue's by its name.

local function listed_count(queue) return redis.call('LLEN', queue or list) end

local function moved_count(queue) return redis.call('LLEN', (queue or list) .. ':claiming') end

local function delayed_count() return redis.call('ZCARD', delayed) end

-- The lowest score of a sorted set; nil where it is empty.
local function first_score(key) return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) end

local function first_due(queue) return first_score((queue or list) .. ':delayed') end

-- Where a job is.

local function is_delayed(id) return redis.call('ZSCORE', delayed, id) end

local function is_listed(id, item)
    for _, key in ipairs({ list, claiming }) do
        for _, entry in ipairs(list_entries(id, item)) do
            if redis.call('LPOS', key, entry, 'RANK', -1) then return true end
        end
    end
    return false
end

-- How many are before it on the list; nil where it is not there.
local function jobs_ahead(id, item)
    local ahead
    for _, entry in ipairs(list_entries(id, item)) do
        local place = redis.call('LPOS', list, entry, 'RANK', -1)
        if place then ahead = listed_count() - 1 - place end
    end
    return ahead
end

-- Entries of the list, the next first, from 0, both included.
local function listed(first, last)
    local entries, raws = {}, redis.call('LRANGE', list, -1 - last, -1 - first)
    for i = #raws, 1, -1 do entries[#entries + 1] = raws[i] end
    return entries
end

local function delayed_ids(first, last) return redis.call('ZRANGE', delayed, first, last) end
