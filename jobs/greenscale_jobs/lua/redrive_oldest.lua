-- Send the oldest dead jobs again, with all their attempts. ARGV: now, how many.
-- Answers how many entries were looked at, then the ids of those that were sent. An entry whose job is gone or elsewhere has
-- nothing to send; one that cannot be read, or whose record cannot, stays among the dead, as the newest.
refuse_foreign_keys()
local entries = redis.call('RPOP', dead, ARGV[2]) or {}
local answer = { #entries }

local ELSEWHERE = { waiting = true, running = true, delayed = true, done = true, cancelled = true }
for _, entry in ipairs(entries) do
    local id = given_id(entry)
    local job = id and record(id, 'state')
    if job and job[1] == 'dead' then
        revive(id)
        answer[#answer + 1] = id
    elseif not job or not (ELSEWHERE[job[1]] or is_gone(id, job[1])) then
        redis.call('LPUSH', dead, entry)
    end
end
return answer
