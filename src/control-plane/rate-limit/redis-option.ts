/**
 * Where the control plane is told of its Redis: an option, a file or an environment variable. What stands in the options
 * of a process every user of the machine can read, so that a password belongs into one of the others.
 */
import { readFileSync } from "node:fs";
import { messageOf } from "../../core/errors.ts";
import { controlPlaneError } from "../errors.ts";
import { parseRedisUrl, type RedisAddress } from "./redis-address.ts";

const OPTION = "--rate-limit-redis";
const FILE_OPTION = "--rate-limit-redis-file";
export const REDIS_VARIABLE = "TULLE_RATE_LIMIT_REDIS";

export interface RedisSources {
  readonly url: string | undefined;
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Undefined where none is named. Options go before the variable. Throws `option-invalid`; the URL is in no message. */
export function redisFrom({ url, file, env }: RedisSources): RedisAddress | undefined {
  if (url !== undefined && file !== undefined) {
    throw invalid(FILE_OPTION, `stands beside ${OPTION}: give one of them`);
  }
  if (url !== undefined) {
    const address = parseRedisUrl(url, OPTION);
    if (address.password === "") return address;
    throw invalid(
      OPTION,
      `a password in it shows in the list of processes: put the URL into a file and name it with ${FILE_OPTION}, or into ${REDIS_VARIABLE}`,
    );
  }
  if (file !== undefined) return parseRedisUrl(textOf(file), FILE_OPTION);
  const variable = env[REDIS_VARIABLE] ?? "";
  return variable === "" ? undefined : parseRedisUrl(variable, REDIS_VARIABLE);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw invalid(FILE_OPTION, messageOf(error));
  }
}

function invalid(option: string, message: string): Error {
  return controlPlaneError({ code: "option-invalid", option }, `${option}: ${message}`);
}
