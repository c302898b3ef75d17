-- The generic cell rate algorithm for several keys at once: a request is
-- allowed when every key allows it, and counted only then.
--
-- A key holds the theoretical arrival time: when the next request would come if
-- all had kept the steady pace. A request may come up to a burst before that.
--
-- KEYS  one for each limit
-- ARGV  the time in microseconds, or 0 for the server's; then for each key the
--       interval in microseconds and the burst
-- returns allowed (0 or 1), remaining requests, microseconds to wait; then for
--       each key how far ahead of now its arrival time is, in microseconds
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

-- A key expires when it would say the same as no key.
local function put(key, arrival)
  redis.call('SET', key, arrival, 'PX', math.max(1, math.ceil((arrival - now) / 1000)))
end

local allowed, remaining, wait = 1, math.huge, 0
local arrivals = {}
for i, key in ipairs(KEYS) do
  local interval = tonumber(ARGV[2 * i])
  local burst = tonumber(ARGV[2 * i + 1]) * interval
  local arrival = math.max(tonumber(redis.call('GET', key) or now), now)
  -- A clock that was set back, or a limit that was changed, must not shut anyone
  -- out for longer than the whole burst takes.
  if arrival > now + burst then
    arrival = now + burst
    put(key, arrival)
  end
  arrival = arrival + interval
  local room = now + burst - arrival
  -- Half a microsecond: a number of this size holds eighths of one.
  if room < -0.5 then
    allowed = 0
    wait = math.max(wait, -room)
  end
  remaining = math.min(remaining, math.max(0, math.floor((room + 0.5) / interval)))
  arrivals[i] = arrival
end

local answer = {allowed, remaining, math.ceil(wait)}
for i, key in ipairs(KEYS) do
  if allowed == 1 then
    put(key, arrivals[i])
  else
    answer[2] = 0
    arrivals[i] = arrivals[i] - tonumber(ARGV[2 * i])
  end
  answer[3 + i] = math.ceil(arrivals[i] - now)
end
return answer
