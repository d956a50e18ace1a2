/** The :path field (RFC 9113 section 8.3.1), judged by the bytes that HTTP/1.1 takes in a target (T22). */
import {
  TARGET_CLASS,
  TARGET_INVALID,
  TARGET_PLAIN,
  TARGET_QUESTION,
} from "../../http/char-table.ts";
import type { RequestHead } from "../../http/request-head.ts";
import { MESSAGE_ERROR, MESSAGE_OK } from "./message-error.ts";

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * Reads `head.target`, which `head.method` goes with: sets `queryAt` and `hasSpecialBytes`. Returns
 * MESSAGE_OK or a number from MESSAGE_ERROR.
 */
export function readPath(head: RequestHead): number {
  const { target } = head;
  if (target.charCodeAt(0) !== SLASH) {
    // RFC 9113 section 8.3.1: OPTIONS for the server as a whole. Other forms do not exist here.
    const isAsterisk = target === "*" && head.method === "OPTIONS";
    return isAsterisk ? MESSAGE_OK : MESSAGE_ERROR.pathInvalid;
  }
  let at = 0;
  let isBehindSlashOrDot = false;
  for (; at < target.length; at++) {
    const code = target.charCodeAt(at);
    const kind = TARGET_CLASS[code]!;
    if (kind === TARGET_PLAIN) {
      isBehindSlashOrDot = false;
    } else if (kind === TARGET_INVALID) {
      return MESSAGE_ERROR.pathInvalid;
    } else if (kind === TARGET_QUESTION) {
      head.queryAt = at;
      break;
    } else {
      // "/" and "." are special only in a row; "%" and backslash always are.
      const isSlashOrDot = code === SLASH || code === DOT;
      if (!isSlashOrDot || isBehindSlashOrDot) head.hasSpecialBytes = true;
      isBehindSlashOrDot = isSlashOrDot;
    }
  }
  for (; at < target.length; at++) {
    if (TARGET_CLASS[target.charCodeAt(at)] === TARGET_INVALID) return MESSAGE_ERROR.pathInvalid;
  }
  return MESSAGE_OK;
}
