-- Put jobs on the list, all or none. ARGV: now, maxLength if the queue's config says none, then id and item of each.
local length = redis.call('LLEN', list)
local longest = tonumber(redis.call('HGET', config, 'maxLength') or '') or tonumber(ARGV[2])
local jobs = (#ARGV - 2) / 2
if length + jobs > longest then return { 'full', length, longest } end
for i = 3, #ARGV, 2 do
    if redis.call('EXISTS', job_key(ARGV[i])) == 1 then return { 'duplicate', ARGV[i] } end
end
for i = 3, #ARGV, 2 do
    redis.call('HSET', job_key(ARGV[i]), 'state', 'waiting', 'item', ARGV[i + 1], 'submittedAt', stamp(now))
    redis.call('LPUSH', list, ARGV[i + 1])
end
count('submitted', jobs)
return { 'ok' }
