-- Append pieces of answers to their streams. ARGV: now, then id, token, attempt and text of each. A lost claim writes nothing.
write_though_full()
for i = 2, #ARGV, 4 do
    if redis.call('HGET', job_key(ARGV[i]), 'token') == ARGV[i + 1] then
        announce(ARGV[i], 'delta', ARGV[i + 2], 'text', ARGV[i + 3])
    end
end
