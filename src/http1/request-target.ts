/** The four forms of a request target (RFC 9112 section 3.2), brought to origin-form and an authority. */
import { isAuthority } from "../http/authority.ts";
import type { RequestHead } from "../http/request-head.ts";
import { PARSE_ERROR } from "./errors.ts";

const SLASH = 0x2f;
const ABSOLUTE = /^https?:\/\/([^/?]+)/i;

/** Reads `head.target`; `head.authority` holds what Host said. Returns 0 or an error number. */
export function readTarget(head: RequestHead): number {
  if (head.method === "CONNECT") return readAuthorityForm(head);
  if (head.target.charCodeAt(0) === SLASH) return 0;
  // Section 3.2.4: asterisk-form is for OPTIONS alone.
  if (head.target === "*") return head.method === "OPTIONS" ? 0 : PARSE_ERROR.targetFormInvalid;
  return readAbsoluteForm(head);
}

/** Section 3.2.3: CONNECT, and only CONNECT, has host and port for a target. */
function readAuthorityForm(head: RequestHead): number {
  const target = head.target;
  if (!isAuthority(target) || !/:\d+$/.test(target)) return PARSE_ERROR.targetFormInvalid;
  head.authority = target;
  return 0;
}

function readAbsoluteForm(head: RequestHead): number {
  const match = ABSOLUTE.exec(head.target);
  const authority = match?.[1];
  if (match === null || authority === undefined || !isAuthority(authority)) {
    return PARSE_ERROR.targetFormInvalid;
  }
  // Section 3.2.2: the target's authority replaces Host, whatever Host says.
  head.authority = authority;
  head.startEnd = 0;
  const rest = head.target.slice(match[0].length);
  if (rest.startsWith("/")) head.target = rest;
  // Section 3.2.4: OPTIONS for a URI without path and query asks about the server as a whole.
  else if (rest === "" && head.method === "OPTIONS") head.target = "*";
  else head.target = `/${rest}`;
  head.queryAt = head.target.indexOf("?");
  head.hasSpecialBytes = head.target !== "*";
  return 0;
}
