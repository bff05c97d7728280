-- Count a worker as alive, or no longer. ARGV: now, its name, for how many seconds from now ('0': no longer).
-- Whoever registers removes those whose time is over; when nobody does, the whole set expires.
local workers, name, seconds = list .. ':workers', ARGV[2], tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', workers, '-inf', now)
if seconds > 0 then
    redis.call('ZADD', workers, stamp(now + seconds), name)
    redis.call('EXPIRE', workers, math.ceil(seconds))
else
    redis.call('ZREM', workers, name)
end
