/** Where a Redis is, as its URL says: `redis://user:password@host:6379/0`, or `rediss://` for TLS. */
import { controlPlaneError } from "../errors.ts";

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** Both empty for none. */
  readonly username: string;
  readonly password: string;
  readonly database: number;
}

const PORT_DEFAULT = 6379;

/** Throws `option-invalid`, naming `option`. The password is in no message. */
export function parseRedisUrl(text: string, option: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const database = Number(url?.pathname.slice(1) || 0);
  const isRedis = url?.protocol === "redis:" || url?.protocol === "rediss:";
  if (url === undefined || !isRedis || url.hostname === "" || !Number.isInteger(database)) {
    throw controlPlaneError(
      { code: "option-invalid", option },
      `${option}: this is no Redis URL: write redis://HOST:PORT or rediss://HOST:PORT, for example redis://127.0.0.1:6379`,
    );
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || PORT_DEFAULT),
    isTls: url.protocol === "rediss:",
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
  };
}
