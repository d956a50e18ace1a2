/**
 * Counts limits in a Redis that several control planes share. One script reads and writes all limits of a request at
 * once, by the clock of Redis, so that neither the clocks nor the order of the control planes matter.
 */
import { createHash } from "node:crypto";
import type { CountedLimit, LimitCounter, LimitStanding } from "./counted-limit.ts";
import type { RedisClient } from "./redis-client.ts";
import { RedisError } from "./redis-replies.ts";

/**
 * Times are microseconds since 2025, which leaves a double room for fractions. A key lives as long as it says more
 * than its absence would.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = (tonumber(time[1]) - 1735689600) * 1000000 + tonumber(time[2])
local hits = tonumber(ARGV[1])
local ahead, all, answer = {}, true, {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  ahead[i] = math.max(0, tonumber(redis.call('GET', key) or '0') - now)
  local fits = ahead[i] + hits * interval <= burst * interval + 1
  answer[2 * i - 1] = fits and 1 or 0
  all = all and fits
end
for i, key in ipairs(KEYS) do
  if all then
    ahead[i] = ahead[i] + hits * tonumber(ARGV[2 * i])
    redis.call('SET', key, string.format('%.3f', now + ahead[i]), 'PX', math.ceil(ahead[i] / 1000) + 1)
  end
  answer[2 * i] = math.floor(ahead[i])
end
return answer
`;
const SCRIPT_SHA = createHash("sha1").update(SCRIPT).digest("hex");

const PREFIX = "tulle:ratelimit:";

export class RedisCounter implements LimitCounter {
  readonly #client: Pick<RedisClient, "call">;

  constructor(client: Pick<RedisClient, "call">) {
    this.#client = client;
  }

  async take<L extends CountedLimit>(
    limits: readonly L[],
    hits: number,
  ): Promise<readonly LimitStanding<L>[]> {
    const words = [
      ...[String(limits.length), ...limits.map(({ key }) => `${PREFIX}${key}`)],
      ...[String(hits), ...limits.flatMap((one) => [String(one.intervalUs), String(one.burst)])],
    ];
    const reply = await this.#run(words);
    if (!Array.isArray(reply) || reply.length !== 2 * limits.length) {
      throw new RedisError("the script's answer is none");
    }
    return limits.map((limit, index) => ({
      limit,
      isWithin: reply[2 * index] === 1,
      aheadUs: Number(reply[2 * index + 1]),
    }));
  }

  /** Redis knows a script that it has run before by its digest. A script that it does not know did nothing. */
  async #run(words: readonly string[]) {
    try {
      return await this.#client.call(["EVALSHA", SCRIPT_SHA, ...words]);
    } catch (error) {
      if (!(error instanceof RedisError) || !error.message.startsWith("NOSCRIPT")) throw error;
      return await this.#client.call(["EVAL", SCRIPT, ...words]);
    }
  }
}
