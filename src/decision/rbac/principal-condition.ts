/** Envoy's Principal, compiled: who sends a request. */
import type { CidrRange } from "../../gen/envoy/config/core/v3/address_pb.js";
import type { Principal, Principal_Authenticated } from "../../gen/envoy/config/rbac/v3/rbac_pb.js";
import type { FieldError } from "../field-error.ts";
import { shown, stringWanted } from "../matcher-text.ts";
import type { RequestView } from "../request-view.ts";
import { compileAddressRange } from "./address-range.ts";
import {
  allOf,
  always,
  anyOf,
  type Condition,
  leaf,
  never,
  noneOf,
  PRINCIPAL,
  principalLeaf,
} from "./condition.ts";
import { compileHeaderCondition } from "./header-condition.ts";
import { compileMetadataCondition } from "./metadata-condition.ts";
import {
  type ConditionOptions,
  compilePathCondition,
  opposite,
  stringTest,
} from "./permission-condition.ts";
import type { RbacConnection } from "./rbac-connection.ts";

export function compilePrincipal(
  { identifier }: Principal,
  options: ConditionOptions,
  path: string,
  errors: FieldError[],
): Condition {
  switch (identifier.case) {
    case "any":
      if (!identifier.value) errors.push({ path: `${path}.any`, message: "must be true" });
      return identifier.value ? always("anybody") : never("anybody");
    case "andIds":
    case "orIds": {
      const field = identifier.case === "andIds" ? "and_ids" : "or_ids";
      const parts = identifier.value.ids.map((part, index) =>
        compilePrincipal(part, options, `${path}.${field}.ids[${index}]`, errors),
      );
      if (parts.length === 0) {
        errors.push({ path: `${path}.${field}.ids`, message: "at least one is required" });
        return never("anybody");
      }
      return identifier.case === "andIds" ? allOf(parts) : anyOf(parts);
    }
    case "notId":
      return noneOf(
        compilePrincipal(identifier.value, opposite(options), `${path}.not_id`, errors),
      );
    case "authenticated":
      return authenticated(identifier.value, `${path}.authenticated`, errors);
    case "sourceIp":
      return addressLeaf(
        "source IP",
        identifier.value,
        connectionAddress,
        `${path}.source_ip`,
        errors,
      );
    case "directRemoteIp":
      return addressLeaf(
        "source IP",
        identifier.value,
        packetAddress,
        `${path}.direct_remote_ip`,
        errors,
      );
    case "remoteIp":
      return addressLeaf("remote IP", identifier.value, clientAddress, `${path}.remote_ip`, errors);
    case "header":
      return compileHeaderCondition(
        identifier.value,
        options.leaning,
        options.isForTcp,
        `${path}.header`,
        errors,
      );
    case "urlPath":
      return compilePathCondition(identifier.value, `${path}.url_path`, errors);
    case "metadata":
      return compileMetadataCondition(identifier.value, `${path}.metadata`, errors);
    default:
      errors.push({ path, message: "an identifier of a known kind is required" });
      return never("anybody");
  }
}

/** Without a name: any peer that has proved one. */
function authenticated(
  { principalName }: Principal_Authenticated,
  path: string,
  errors: FieldError[],
): Condition {
  const found = (_: unknown, { peerPrincipal }: { readonly peerPrincipal: string }): string =>
    peerPrincipal === "" ? "unauthenticated" : shown(peerPrincipal);
  if (principalName === undefined) {
    return principalLeaf((principal) => principal !== "", {
      subject: PRINCIPAL,
      wanted: "authenticated",
      found,
    });
  }
  const test = stringTest(principalName, `${path}.principal_name`, errors);
  return principalLeaf((principal) => principal !== "" && test(principal), {
    subject: PRINCIPAL,
    wanted: stringWanted(principalName),
    found,
  });
}

type AddressReader = (request: RequestView, connection: RbacConnection) => string;

const connectionAddress: AddressReader = (_, { remoteAddress }) => remoteAddress;
const packetAddress: AddressReader = (_, connection) =>
  connection.packetAddress ?? connection.remoteAddress;
const clientAddress: AddressReader = (request, { remoteAddress }) =>
  request.clientAddress || remoteAddress;

function addressLeaf(
  subject: string,
  range: CidrRange,
  read: AddressReader,
  path: string,
  errors: FieldError[],
): Condition {
  const compiled = compileAddressRange(range, path, errors);
  return leaf((request, connection) => compiled.includes(read(request, connection)), {
    subject,
    wanted: compiled.text,
    found: (request, connection) => shown(read(request, connection)),
  });
}
