-- After moving.lua.
-- Cancel a job. ARGV: now, id. A running one is flagged: its worker sees it when it renews. Answers the state before, or nil.
local id = ARGV[2]
refuse_foreign_keys()
local job = redis.call('HMGET', job_key(id), 'state', 'item', 'attempts')
local state = job[1]
write_though_full()
if state == 'running' then
    redis.call('HSET', job_key(id), 'cancel', '1')
elseif state == 'waiting' or state == 'delayed' then
    redis.call('ZREM', delayed, id)
    local gone = 0
    for _, where in ipairs({ list, claiming }) do
        for _, raw in ipairs(on_the_list(id, job[2])) do
            if gone == 0 then gone = redis.call('LREM', where, 1, raw) end
        end
    end
    end_cancelled(id, whole(job[3]) or 0)
end
return state
