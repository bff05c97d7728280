-- How jobs get in.
-- Put jobs on the list, or among the delayed if they are due later; all or none. ARGV: now, maxLength if the queue's config
-- has none, due in so many seconds or '', due at (Unix seconds) or '', then id and item of each. `again`: the very same job may
-- be known already. Answers what the script does, and the ids of jobs that were known.
local function submit(again)
    local longest = whole(redis.call('HGET', config, 'maxLength')) or tonumber(ARGV[2])
    local due = ARGV[3] ~= '' and now + tonumber(ARGV[3]) or tonumber(ARGV[4])
    local jobs, new, known = {}, {}, {}
    for i = 5, #ARGV, 2 do
        local id, item = ARGV[i], ARGV[i + 1]
        if new[id] or redis.call('EXISTS', job_key(id)) == 1 then
            if not again then return { 'duplicate', id }, {} end
            if redis.call('HGET', job_key(id), 'item') ~= item then return { 'reused', id }, {} end
            known[#known + 1] = id
        else
            new[id], jobs[#jobs + 1] = true, { id, item }
        end
    end
    local waiting = listed_count() + delayed_count()
    if #jobs > 0 and waiting + #jobs > longest then return { 'full', waiting, longest }, {} end
    for _, job in ipairs(jobs) do
        local id, item = job[1], job[2]
        redis.call('HSET', job_key(id), 'state', 'waiting', 'item', item, 'submittedAt', stamp(now))
        if due and due > now then
            redis.call('HSET', job_key(id), 'state', 'delayed', 'dueAt', stamp(due))
            wait_until(id, due)
        else
            wait_last(item)
        end
    end
    count('submitted', #jobs)
    return { 'ok' }, known
end
