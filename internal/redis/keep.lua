-- Keeps an entry unless a newer one is there, and raises the floor of its subject.
-- KEYS: the floor and, where there is one, the entry. ARGV: milliseconds, floor,
-- entry. Both begin with a number of 16 hexadecimal digits, which compare as text.
local floor = redis.call('GET', KEYS[1])
if not floor or floor < ARGV[2] then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
end
if KEYS[2] then
    local there = redis.call('GET', KEYS[2])
    if not there or string.sub(there, 1, 16) < string.sub(ARGV[3], 1, 16) then
        redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[1])
    end
end
return 1
