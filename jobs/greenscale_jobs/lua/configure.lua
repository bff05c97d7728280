-- Write what the resource says of this queue. ARGV: now, maxLength, resultTTLSeconds, paused ('0' or '1').
-- How long it has been suspended is counted, since a job must not be given up for it.
write_though_full()
local since = redis.call('HGET', config, 'suspendedAt')
redis.call('HSET', config, 'maxLength', ARGV[2], 'resultTTLSeconds', ARGV[3], 'paused', ARGV[4])
if ARGV[4] == '1' and not since then
    redis.call('HSET', config, 'suspendedAt', stamp(now))
elseif ARGV[4] == '0' and since then
    redis.call('HSET', config, 'suspendedSeconds', stamp(suspended_seconds()))
    redis.call('HDEL', config, 'suspendedAt')
end
