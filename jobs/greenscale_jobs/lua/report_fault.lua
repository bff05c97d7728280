-- Note that the engine answers nothing, and report it once that has lasted; the next finished job withdraws both.
-- ARGV: now, message, after how many seconds without an answer it is reported, for how many it is then news, and after how
-- many without a note a trouble counts as a new one. Answers in how many seconds it is to be reported ('0': it is).
-- The beginning is kept here, not in a worker: KEDA may end every worker sooner than the trouble has lasted.
write_though_full()
local times = redis.call('HMGET', stats, 'troubleSince', 'troubleAt')
local since, noted_at = instant(times[1]), instant(times[2])
if not since or not noted_at or since > now or now - noted_at > tonumber(ARGV[5]) then since = now end
redis.call('HSET', stats, 'troubleSince', stamp(since), 'troubleAt', stamp(now))
local wait = since + tonumber(ARGV[3]) - now
if wait >= 0.001 then return stamp(wait) end
redis.call('HSET', stats, 'fault', ARGV[2], 'faultAt', stamp(now), 'faultUntil', stamp(now + tonumber(ARGV[4])))
return '0'
