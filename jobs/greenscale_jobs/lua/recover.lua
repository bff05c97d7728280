-- Put jobs back that are not where their records say. ARGV: now, '1' to do so only while no job waits, then ids.
-- Answers the ids of those that were put back.
refuse_foreign_keys()
write_though_full()
local found = {}
if ARGV[2] == '1' and listed_count() + moved_count() > 0 then return found end
for i = 3, #ARGV do
    if recover(ARGV[i]) then found[#found + 1] = ARGV[i] end
end
return found
