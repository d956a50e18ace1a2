/** Reads the bodies of requests, up to a limit: a client must not make the control plane hold what it likes. */
import { apiError } from "./api-error.ts";

/** The largest body. A mesh of a thousand services takes about a megabyte of YAML. */
export const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** The body as text. Throws `too_large`, as soon as the limit is passed, and `bad_request` for what is no UTF-8. */
export async function readBody(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw apiError("bad_request", `the body is not UTF-8: ${String(error)}`);
  }
}

function tooLarge(): Error {
  return apiError("too_large", `the body is larger than ${BODY_BYTES_MAX} bytes`);
}
