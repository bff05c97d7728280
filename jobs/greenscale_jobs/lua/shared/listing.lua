-- How many jobs are read at once.
local function total_of(state)
    if state == 'waiting' then return listed_count() end
    if state == 'dead' then return redis.call('LLEN', dead) end
    if state == 'done' then return redis.call('ZCOUNT', done, now, '+inf') end
    if state == 'running' then return redis.call('ZCARD', inflight) end
    return delayed_count()
end

-- The ids of some jobs of one state, from 0, both included. Waiting: next first. Running: soonest lease first. Delayed:
-- soonest first. Dead, done: newest first. A text without an id is given as { text }, false is what
-- cannot be read.
local function ids_of(state, first, last)
    if state == 'done' then return redis.call('ZREVRANGE', done, first, last) end
    if state == 'running' then return redis.call('ZRANGE', inflight, first, last) end
    if state == 'delayed' then return delayed_ids(first, last) end
    local ids = {}
    if state == 'dead' then
        for _, entry in ipairs(redis.call('LRANGE', dead, first, last)) do ids[#ids + 1] = given_id(entry) or false end
    else
        for _, entry in ipairs(listed(first, last)) do ids[#ids + 1] = given_id(entry) or { entry } end
    end
    return ids
end

-- The id, or '', and the record of one entry of `ids_of`.
local function read_entry(entry)
    -- A text that some client pushed has no id and no hash until a worker takes it.
    if type(entry) == 'table' then return '', { 'state', 'waiting', 'item', entry[1] } end
    return entry or '', entry and spared(redis.pcall('HGETALL', job_key(entry))) or {}
end

-- A record that cannot be read is shown without fields; one that has just expired is not.
local function is_shown(state, fields) return #fields > 0 or state ~= 'done' end
