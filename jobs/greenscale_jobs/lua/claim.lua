-- After burying.lua.
-- Lease as many jobs as asked for. ARGV: now, how many, lease in seconds, worker, token, seed of new ids, item limit in bytes.
-- What a blocking claim has moved to `claiming` is taken first, whoever moved it: so a worker that died there strands nothing.
local want, lease, worker, token, seed = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
if redis.call('HGET', config, 'paused') == '1' then
    refuse_foreign_keys()
    return_claiming()
    return { 'paused' }
end

local taken = redis.call('RPOP', claiming, want) or {}

-- Where a key that all jobs share is of a foreign type, what was taken must not be lost.
local function put_back(from, problem)
    for number = #taken, from, -1 do redis.call('RPUSH', claiming, taken[number]) end
    error(problem, 0)
end

if #taken < want then
    local more = redis.pcall('RPOP', list, want - #taken) or {}
    if more.err then put_back(1, more.err) end
    for _, raw in ipairs(more) do taken[#taken + 1] = raw end
end

-- A state that says where else the job is; any other is damaged: then it is here.
local function is_elsewhere(state)
    return state ~= 'waiting' and ({ running = 1, delayed = 1, done = 1, dead = 1, cancelled = 1 })[state] ~= nil
end

-- The job that an item stands for: its id, what is known of it, and why it can never run.
local function identify(raw, number)
    local id, new = told_id(raw), seed .. '-' .. number
    if #raw > tonumber(ARGV[7]) then
        return new, {}, 'TooLarge', 'the item has ' .. #raw .. ' bytes, more than the ' .. ARGV[7] .. ' that are allowed'
    end
    if not id then return new, {} end
    local known = record(id, 'state', 'item', 'attempts')
    if known and not known[1] and not known[2] then return id, {} end
    if known and not is_elsewhere(known[1]) and (raw == known[2] or raw == reference(id)) then return id, known end
    return new, {}, 'DuplicateId', 'a job with the id ' .. id .. ' exists already; send it without an id, or with a new one'
end

local claims, claimed_at, lease_ends = { 'ok' }, stamp(now), stamp(now + lease)
for number, raw in ipairs(taken) do
    local id, known, reason, message = identify(raw, number)
    if reason then
        local well, problem = pcall(refuse_foreign_keys)
        if not well then put_back(number, problem) end
        redis.call('HSET', job_key(id), 'item', raw)
        bury(id, reason, message, 0)
    else
        local held = redis.pcall('ZADD', inflight, lease_ends, id)
        if type(held) == 'table' then put_back(number, held.err) end
        if not known[2] then redis.call('HSET', job_key(id), 'item', raw) end
        local attempts = (whole(known[3]) or 0) + 1
        redis.call('HSET', job_key(id), 'state', 'running', 'attempts', attempts, 'token', token, 'worker', worker,
            'claimedAt', claimed_at)
        announce(id, 'claimed', attempts, 'text', worker)
        local last = #claims
        claims[last + 1], claims[last + 2], claims[last + 3] = id, known[2] or raw, attempts
    end
end
return claims
