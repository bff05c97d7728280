-- Lease as many jobs as asked for. ARGV: now, how many, lease in seconds, worker, token, seed of new ids, item limit in bytes,
-- how many jobs the worker has in hand, '1' if it may take a suspect before others, '1' if this claim was sent before and its
-- answer did not come: what it leased then is answered now.
-- What a blocking claim has moved to `claiming` is taken first, whoever moved it: so a worker that died there strands nothing.
-- A suspect (moving.lua, `lose`) is claimed alone, by a worker with nothing in hand; the others are claimed past it. One that has
-- waited for long makes one worker at a time claim nothing until its hand is empty.
-- Answers `ok`, `alone` (a suspect: claim nothing beside it), `hold` (claim nothing until the hand is empty) or `paused`, then id,
-- item and attempt of each.
local want, lease, worker, token, seed = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
local in_hand, suspect_first = tonumber(ARGV[8]), ARGV[9] == '1'
local SUSPECT_WAIT_SECONDS, DRAIN_SECONDS, MAX_SUSPECTS, MAX_LEASES = 30, 15, 1000, 10000

if redis.call('HGET', config, 'paused') == '1' then
    refuse_foreign_keys()
    return_moved()
    return { 'paused' }
end

local claims, leases, claimed_at, lease_ends = { 'ok' }, {}, stamp(now), stamp(now + lease)

local function begin_leases() of_many('ZADD', inflight, leases) end

-- Where a key that all jobs share is of a foreign type, what was taken must not be lost.
local function abort(taken, from, problem)
    put_back(taken, from)
    begin_leases()
    error(problem, 0)
end

local function take(count, taken)
    if #taken < count then
        local more = take_first(count - #taken)
        if more.err then abort(taken, 1, more.err) end
        for _, raw in ipairs(more) do taken[#taken + 1] = raw end
    end
    return taken
end

-- A state that says where else the job is; any other is damaged: then it is here.
local function is_elsewhere(state)
    return state ~= 'waiting' and ({ running = 1, delayed = 1, done = 1, dead = 1, cancelled = 1 })[state] ~= nil
end

-- The job that an item stands for: its id, what is known of it, and why it can never run.
local function identify(raw, number)
    local id, new = given_id(raw), seed .. '-' .. number
    if #raw > tonumber(ARGV[7]) then
        return new, {}, 'TooLarge', 'the item has ' .. #raw .. ' bytes, more than the ' .. ARGV[7] .. ' that are allowed'
    end
    if not id then return new, {} end
    local known = record(id, 'state', 'item', 'attempts', 'suspectSince', 'drainedBy', 'drainedUntil')
    if known and not known[1] and not known[2] then return id, {} end
    if known and not is_elsewhere(known[1]) and (raw == known[2] or raw == reference(id)) then return id, known end
    return new, {}, 'DuplicateId', 'a job with the id ' .. id .. ' exists already; send it without an id, or with a new one'
end

local function add_claim(id, item, attempts)
    local last = #claims
    leases[#leases + 1], leases[#leases + 2] = lease_ends, id
    claims[last + 1], claims[last + 2], claims[last + 3] = id, item, attempts
end

if ARGV[10] == '1' then
    write_though_full()
    -- Nobody renews these leases, so they stand first.
    for _, id in ipairs(redis.call('ZRANGE', inflight, 0, MAX_LEASES - 1)) do
        local known = record(id, 'token', 'item', 'attempts', 'alone') or {}
        if known[1] == token then
            if known[4] then claims[1] = 'alone' end
            add_claim(id, known[2], whole(known[3]) or 1)
        end
    end
    begin_leases()
    if #claims > 1 then return claims end
end

local function lease_job(id, raw, known)
    if not known[2] then redis.call('HSET', job_key(id), 'item', raw) end
    local attempts = (whole(known[3]) or 0) + 1
    redis.call('HSET', job_key(id), 'state', 'running', 'attempts', attempts, 'token', token, 'worker', worker,
        'claimedAt', claimed_at)
    announce(id, 'claimed', attempts, 'text', worker)
    add_claim(id, known[2] or raw, attempts)
end

local function bury_item(id, raw, reason, message)
    local well, problem = pcall(refuse_foreign_keys)
    if not well then return problem end
    redis.call('HSET', job_key(id), 'item', raw)
    bury(id, reason, message, 0)
end

-- Whether this worker is the one to drain for a suspect.
local function drains_for(id, known)
    if now - (instant(known[4]) or 0) < SUSPECT_WAIT_SECONDS then return false end
    if known[5] and known[5] ~= worker and now < math.min(instant(known[6]) or 0, now + DRAIN_SECONDS) then return false end
    redis.call('HSET', job_key(id), 'drainedBy', worker, 'drainedUntil', stamp(now + DRAIN_SECONDS))
    return true
end

local taken, suspects, number = take(want, take_moved(want)), {}, 0
-- Looked at once, before any record is changed: from here on leases can be written.
local leased = redis.pcall('ZCARD', inflight)
if type(leased) == 'table' then abort(taken, 1, leased.err) end

local function claim_alone(id, raw, known)
    lease_job(id, raw, known)
    redis.call('HSET', job_key(id), 'alone', '1')
    redis.call('HDEL', job_key(id), 'drainedBy', 'drainedUntil')
    claims[1] = 'alone'
    begin_leases()
end

while taken[1] do
    for place, raw in ipairs(taken) do
        number = number + 1
        local id, known, reason, message = identify(raw, number)
        if known[4] and not reason then
            local nothing_yet = #claims == 1 and #suspects == 0
            if nothing_yet and in_hand == 0 and suspect_first then
                return_first(taken, place + 1)
                claim_alone(id, raw, known)
                return claims
            elseif nothing_yet and in_hand > 0 and drains_for(id, known) then
                return_first(taken, place)
                return { 'hold' }
            end
            suspects[#suspects + 1] = raw
        else
            local problem
            if reason then problem = bury_item(id, raw, reason, message) else lease_job(id, raw, known) end
            if problem then
                return_first(suspects, 1)
                abort(taken, place, problem)
            end
        end
    end
    local missing = want - (#claims - 1) / 3
    taken = #suspects > 0 and #suspects < MAX_SUSPECTS and missing > 0 and take(missing, {}) or {}
end
begin_leases()
if #claims > 1 or not suspects[1] then
    return_first(suspects, 1)
elseif in_hand > 0 then
    return_first(suspects, 1)
    claims[1] = 'hold'
else
    return_first(suspects, 2)
    local id, known = identify(suspects[1], 1)
    claim_alone(id, suspects[1], known)
end
return claims
