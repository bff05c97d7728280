-- Retry dead jobs, with all their attempts, and put back those that are not where their records say. ARGV: now, then ids.
-- Answers the ids of both.
local sent = {}
refuse_foreign_keys()
write_though_full()
for i = 2, #ARGV do
    local entry = spared(redis.pcall('HGET', job_key(ARGV[i]), 'dead'))
    if entry then
        redis.call('LREM', dead, 1, entry)
        revive(ARGV[i])
        sent[#sent + 1] = ARGV[i]
    elseif recover(ARGV[i]) then
        sent[#sent + 1] = ARGV[i]
    end
end
return sent
