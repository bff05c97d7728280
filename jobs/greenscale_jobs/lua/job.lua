-- One job. ARGV: now, id. Answers: how many wait before it ('' unless it waits), '1' if it is not where its record says, then its
-- hash; nothing if it is unknown.
local id = ARGV[2]
local fields = redis.call('HGETALL', job_key(id))
if #fields == 0 then return {} end
local state, ahead = redis.call('HMGET', job_key(id), 'state', 'item'), ''
if state[1] == 'waiting' then ahead = jobs_ahead(id, state[2]) or '' end
local job = { ahead, ahead == '' and is_stray(id, state[1], state[2]) and '1' or '' }
for _, value in ipairs(fields) do job[#job + 1] = value end
return job
