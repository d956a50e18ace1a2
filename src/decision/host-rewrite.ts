/** The authority that an upstream is told instead of the client's. */
import { isAuthority } from "../http/authority.ts";
import type { FieldError } from "./field-error.ts";

/** Undefined for an empty one, which rewrites nothing, as in Envoy. */
export function compileHostRewrite(
  host: string,
  path: string,
  errors: FieldError[],
): string | undefined {
  if (host === "") return undefined;
  if (!isAuthority(host))
    errors.push({ path, message: `"${host}" is not a host with or without port` });
  return host;
}
