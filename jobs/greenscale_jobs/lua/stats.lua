-- The queue's numbers at one instant. ARGV: now. Answers: pending, in flight, delayed, dead, live workers, then the counters.
local numbers = { listed_count() + moved_count(), redis.call('ZCARD', inflight),
    delayed_count(), redis.call('LLEN', dead), redis.call('ZCARD', list .. ':workers') }
for _, value in ipairs(redis.call('HGETALL', stats)) do numbers[#numbers + 1] = value end
return numbers
