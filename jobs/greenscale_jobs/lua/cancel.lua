-- Cancel a job. ARGV: now, id. A running one is flagged: its worker sees it when it renews. Answers the state before, or nil.
local id = ARGV[2]
refuse_foreign_keys()
local job = redis.call('HMGET', job_key(id), 'state', 'item', 'attempts')
local state = job[1]
write_though_full()
if state == 'running' then
    redis.call('HSET', job_key(id), 'cancel', '1')
elseif state == 'waiting' or state == 'delayed' then
    take_out(id, job[2])
    end_cancelled(id, whole(job[3]) or 0)
end
return state
