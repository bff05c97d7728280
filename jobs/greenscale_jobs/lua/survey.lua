-- Which of many queues have anything at all in them. KEYS: their lists. ARGV: now.
-- Answers: in how many seconds the next lease ends or retry is due ('' if none); the number in KEYS of each queue that is
-- not empty, negative where `maintain` is due at once; and the number of each that lacks what the resource says of it.
local busy, unconfigured, soonest = {}, {}, nil

local function survey_queue(number, name)
    local settings = redis.call('HMGET', name .. ':config', 'maxLength', 'resultTTLSeconds', 'paused')
    if not (settings[1] and settings[2] and settings[3]) then unconfigured[#unconfigured + 1] = number end
    local stranded = moved_count(name) > 0
    local lease_ends, due = first_score(name .. ':inflight'), first_due(name)
    local expires = first_score(name .. ':done')
    local to_maintain = stranded or (expires and expires <= now)
    for _, at in ipairs({ lease_ends or due, due }) do
        if at <= now then
            to_maintain = true
        elseif not soonest or at < soonest then
            soonest = at
        end
    end
    if to_maintain then
        busy[#busy + 1] = -number
    elseif lease_ends or due or listed_count(name) > 0 or redis.call('LLEN', name .. ':dead') > 0 then
        busy[#busy + 1] = number
    end
end

for number, name in ipairs(KEYS) do
    -- One with a key of a foreign type holds up no other: whoever maintains it learns what is wrong with it.
    if not pcall(survey_queue, number, name) then busy[#busy + 1] = -number end
end

return { soonest and stamp(soonest - now) or '', busy, unconfigured }
