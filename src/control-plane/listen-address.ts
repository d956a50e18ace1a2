/** Where a server of the control plane listens, and what happens when that place is taken. */
import { isIP } from "node:net";
import { controlPlaneError } from "./errors.ts";

export interface ListenAddress {
  /** An IP literal, without brackets. */
  readonly host: string;
  /** 0 asks for any free port. */
  readonly port: number;
  /** Nobody asked for this very port: a free one does as well. */
  readonly isFallbackAllowed: boolean;
}

/** `127.0.0.1:7700`, `[::1]:7700`, `:7700`. Throws `option-invalid`, naming `option`. */
export function parseListenAddress(text: string, option: string): ListenAddress {
  const match = /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:]*)):(?<port>\d{1,5})$/.exec(text);
  const groups = match?.groups ?? {};
  const named = groups["v6"] ?? groups["v4"] ?? "";
  const host = named === "" ? "127.0.0.1" : named === "localhost" ? "127.0.0.1" : named;
  const port = Number(groups["port"] ?? -1);
  if (match === null || isIP(host) === 0 || port > 65_535) {
    throw controlPlaneError(
      { code: "option-invalid", option },
      `${option}: "${text}" is no address: write IP:PORT, for example 127.0.0.1:7700`,
    );
  }
  return { host, port, isFallbackAllowed: false };
}

/** `host:port`, with brackets around IPv6. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Binds with `bind`, which resolves to the port; falls back to a free one when that is allowed. Throws
 * `address-unusable`, saying for `what` and naming the option that chooses another.
 */
export async function bindOrFallBack(
  address: ListenAddress,
  what: { readonly name: string; readonly option: string },
  bind: (host: string, port: number) => Promise<number>,
): Promise<number> {
  try {
    return await bind(address.host, address.port);
  } catch (error) {
    if (address.isFallbackAllowed && address.port !== 0) return bind(address.host, 0);
    const shown = formatAddress(address.host, address.port);
    const reason = reasonOf(error);
    throw controlPlaneError(
      { code: "address-unusable", address: shown },
      `${what.name} cannot listen on ${shown}: ${reason}; choose another with ${what.option}`,
      error,
    );
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // grpc-js wraps the system's error in a message of its own.
  const code = "code" in error ? String(error.code) : error.message;
  if (code.includes("EADDRINUSE")) return "another process has it";
  if (code.includes("EACCES")) return "ports below 1024 need more rights";
  if (code.includes("EADDRNOTAVAIL")) return "this machine does not have that address";
  return error.message;
}
