-- After common.lua.
-- Say what keeps the engine from working at all; the next finished job withdraws it. ARGV: now, message.
write_though_full()
redis.call('HSET', stats, 'fault', ARGV[2], 'faultAt', stamp(now))
