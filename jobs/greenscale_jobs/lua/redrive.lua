-- After moving.lua.
-- Send dead jobs again, with all their attempts. ARGV: now, then ids. Answers the ids that were dead.
local sent = {}
refuse_foreign_keys()
for i = 2, #ARGV do
    local entry = spared(redis.pcall('HGET', job_key(ARGV[i]), 'dead'))
    if entry then
        redis.call('LREM', dead, 1, entry)
        revive(ARGV[i])
        sent[#sent + 1] = ARGV[i]
    end
end
return sent
