-- Reads one page of a run: as many notes from a number on as fit, and what is known of the run.
-- KEYS: as in write.lua. ARGV: the number of the first note, the most bytes
local about, notes, order = KEYS[1], KEYS[2], KEYS[3]
local from, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local count = redis.call('LLEN', order)
-- What was evicted or lost is missing, and not empty.
local whole = tonumber(redis.call('HGET', about, 'count') or '-1') == count
local found, size, at = {}, 0, from
while at < count do
    local field = redis.call('LINDEX', order, at)
    local length = redis.call('HSTRLEN', notes, field)
    if length == 0 or length > most then
        whole = false
    elseif size + length > most then
        break
    else
        found[#found + 1] = field
        found[#found + 1] = redis.call('HGET', notes, field)
        size = size + length
    end
    at = at + 1
end
return { redis.call('HGETALL', about), whole and 1 or 0, at < count and at or -1, found }
