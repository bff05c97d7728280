-- Send the oldest dead jobs again, with all their attempts. ARGV: now, how many.
-- Answers how many were taken off the dead, then the ids of those that were sent: an entry whose job is gone has nothing to send.
local entries = redis.call('RPOP', dead, ARGV[2]) or {}
local answer = { #entries }
for _, entry in ipairs(entries) do
    local id = told_id(entry)
    if id and redis.call('HEXISTS', job_key(id), 'dead') == 1 then
        revive(id)
        answer[#answer + 1] = id
    end
end
return answer
