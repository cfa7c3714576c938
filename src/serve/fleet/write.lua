-- Writes notes of one run. All of it happens at once, and no run gets more than it may have.
-- KEYS: what is known of the run, its notes, their order
-- ARGV: most notes, most bytes, how long to keep (ms), node, about the node, 1 if it begins here, then: field, note, ..
local about, notes, order = KEYS[1], KEYS[2], KEYS[3]
local most, most_bytes, keep, node = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
if ARGV[6] == '1' then redis.call('HSET', about, 'begun', node) end
redis.call('HSET', about, 'node:' .. node, ARGV[5])
local count = tonumber(redis.call('HGET', about, 'count') or '0')
local bytes = tonumber(redis.call('HGET', about, 'bytes') or '0')
for i = 7, #ARGV, 2 do
    local field, note = ARGV[i], ARGV[i + 1]
    local had = redis.call('HSTRLEN', notes, field)
    if (had > 0 or count < most) and bytes - had + #note <= most_bytes then
        if had == 0 then
            redis.call('RPUSH', order, field)
            count = count + 1
        end
        redis.call('HSET', notes, field, note)
        bytes = bytes - had + #note
    else
        redis.call('HSET', about, 'cut', '1')
    end
end
redis.call('HSET', about, 'count', count, 'bytes', bytes)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, keep) end
return count
