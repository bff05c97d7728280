-- Send dead jobs again, with all their attempts. ARGV: now, then ids. Answers the ids that were dead.
local sent = {}
for i = 2, #ARGV do
    local id, key = ARGV[i], job_key(ARGV[i])
    local entry = redis.call('HGET', key, 'dead')
    if entry then
        redis.call('LREM', dead, 1, entry)
        redis.call('HDEL', key, 'dead', 'finishedAt')
        redis.call('HSET', key, 'state', 'waiting', 'attempts', 0)
        redis.call('PERSIST', events_key(id))
        redis.call('LPUSH', list, reference(id))
        announce(id, 'waiting', 0)
        sent[#sent + 1] = id
    end
end
return sent
