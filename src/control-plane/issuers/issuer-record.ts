/** Who signed last, on disk: a start with another issuer is a change from that one. Holds paths and addresses, no secret. */
import { isDeepStrictEqual } from "node:util";
import { readOptionalFile, replaceFile } from "../../identity/state-files.ts";
import { type IssuerConfig, parseIssuerConfig } from "./issuer-config.ts";

/** `null` is the built-in authority. */
export type IssuerInForce = IssuerConfig | null;

/** Undefined when nobody has signed yet, or when the file cannot be understood. */
export function readIssuerRecord(path: string): IssuerInForce | undefined {
  const text = readOptionalFile(path);
  if (text === undefined) return undefined;
  try {
    const { issuer } = JSON.parse(text) as { readonly issuer?: unknown };
    return issuer === null ? null : parseIssuerConfig(issuer);
  } catch {
    return undefined;
  }
}

export function writeIssuerRecord(path: string, issuer: IssuerInForce): void {
  replaceFile(path, `${JSON.stringify({ issuer }, null, 2)}\n`, 0o600);
}

export function isSameIssuer(a: IssuerInForce, b: IssuerInForce): boolean {
  // As JSON has it: a field that is undefined is none.
  return isDeepStrictEqual(asJson(a), asJson(b));
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
