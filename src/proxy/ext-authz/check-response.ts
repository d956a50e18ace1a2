/** CheckResponse of `envoy.service.auth.v3`, read without a schema, which an idle sidecar would have in memory for nothing. */
import { EXT_AUTHZ_HEADERS_MAX } from "../../core/limits.ts";
import type { MetadataMap } from "../../decision/dynamic-metadata.ts";
import {
  type AuthzAnswer,
  type ChangeAction,
  finalStatus,
  type HeaderChange,
  type QueryParameter,
  STATUS_DENIED,
} from "./authz-answer.ts";
import { readStruct } from "./metadata-wire.ts";
import { readFields } from "./wire-fields.ts";

/** HeaderValueOption.HeaderAppendAction. */
const ACTIONS: readonly ChangeAction[] = ["add", "add-if-absent", "set", "set-if-present"];

/** What an answer of either kind may say. */
interface HttpPart {
  status: number;
  body: string;
  readonly headers: HeaderChange[];
  readonly removedHeaders: string[];
  readonly responseHeaders: HeaderChange[];
  readonly parametersToSet: QueryParameter[];
  readonly parametersToRemove: string[];
  metadata: MetadataMap | undefined;
}

function emptyPart(): HttpPart {
  return {
    status: 0,
    body: "",
    headers: [],
    removedHeaders: [],
    responseHeaders: [],
    parametersToSet: [],
    parametersToRemove: [],
    metadata: undefined,
  };
}

/** "error": the service says of itself that it has failed. Undefined: the bytes are no answer, or one of too much. */
export function readCheckResponse(bytes: Uint8Array): AuthzAnswer | "error" | undefined {
  try {
    return readResponse(bytes);
  } catch {
    return undefined;
  }
}

function readResponse(bytes: Uint8Array): AuthzAnswer | "error" | undefined {
  let code = 0;
  let denied: HttpPart | undefined;
  let ok: HttpPart | undefined;
  let isError = false;
  let metadata: MetadataMap | undefined;
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 1:
        code = readCode(reader.bytes());
        return true;
      case 2:
        denied = readDenied(reader.bytes());
        return true;
      case 3:
        ok = readOk(reader.bytes());
        return true;
      case 4:
        metadata = readStruct(reader.bytes());
        return true;
      case 5:
        // `error_response`, newer than the rest: what it says to the client, `status_on_error` says here.
        isError = true;
        return false;
      default:
        return false;
    }
  });
  const isAllowed = code === 0;
  if (isError && !isAllowed) return "error";
  const part = (isAllowed ? ok : denied) ?? emptyPart();
  const count = part.headers.length + part.removedHeaders.length + part.responseHeaders.length;
  if (count > EXT_AUTHZ_HEADERS_MAX) return undefined;
  return {
    isAllowed,
    status: finalStatus(part.status) ?? STATUS_DENIED,
    body: part.body,
    requestChanges: isAllowed ? part.headers : [],
    removedHeaders: part.removedHeaders,
    parametersToSet: part.parametersToSet,
    parametersToRemove: part.parametersToRemove,
    responseChanges: isAllowed ? part.responseHeaders : part.headers,
    metadata: ok?.metadata ?? metadata,
  };
}

/** google.rpc.Status. */
function readCode(bytes: Uint8Array): number {
  let code = 0;
  readFields(bytes, (field, reader) => {
    if (field !== 1) return false;
    code = reader.int32();
    return true;
  });
  return code;
}

/** DeniedHttpResponse. */
function readDenied(bytes: Uint8Array): HttpPart {
  const part = emptyPart();
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 1:
        // HttpStatus has its code where Status has its own.
        part.status = readCode(reader.bytes());
        return true;
      case 2:
        part.headers.push(readOption(reader.bytes()));
        return true;
      case 3:
        part.body = reader.string();
        return true;
      default:
        return false;
    }
  });
  return part;
}

/** OkHttpResponse. */
function readOk(bytes: Uint8Array): HttpPart {
  const part = emptyPart();
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 2:
        part.headers.push(readOption(reader.bytes()));
        return true;
      case 3:
        part.metadata = readStruct(reader.bytes());
        return true;
      case 5:
        part.removedHeaders.push(reader.string().toLowerCase());
        return true;
      case 6:
        part.responseHeaders.push(readOption(reader.bytes(), true));
        return true;
      case 7:
        part.parametersToSet.push(readParameter(reader.bytes()));
        return true;
      case 8:
        part.parametersToRemove.push(reader.string());
        return true;
      default:
        return false;
    }
  });
  return part;
}

/** HeaderValueOption. */
function readOption(bytes: Uint8Array, isOfResponse = false): HeaderChange {
  let name = "";
  let value = "";
  let appends: boolean | undefined;
  let action = -1;
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 1:
        ({ name, value } = readHeader(reader.bytes()));
        return true;
      case 2:
        appends = readBool(reader.bytes());
        return true;
      case 3:
        action = reader.int32();
        return true;
      default:
        return false;
    }
  });
  return { action: actionOf(appends, action, isOfResponse), name, value };
}

/**
 * As in Envoy, what nothing is said about replaces a client's own field in a request, and stands beside an app's in a
 * response; what is appended to a request is so only where the client has sent such a field.
 */
function actionOf(
  appends: boolean | undefined,
  action: number,
  isOfResponse: boolean,
): ChangeAction {
  if (appends === undefined) return ACTIONS[action] ?? (isOfResponse ? "add" : "set");
  if (!appends) return "set";
  return isOfResponse ? "add" : "add-if-present";
}

/** google.protobuf.BoolValue. */
function readBool(bytes: Uint8Array): boolean {
  let value = false;
  readFields(bytes, (field, reader) => {
    if (field !== 1) return false;
    value = reader.bool();
    return true;
  });
  return value;
}

/** HeaderValue, whose value is text or bytes. */
function readHeader(bytes: Uint8Array): { name: string; value: string } {
  let name = "";
  let value = "";
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 1:
        name = reader.string();
        return true;
      case 2:
      case 3:
        value = Buffer.from(reader.bytes()).toString("latin1");
        return true;
      default:
        return false;
    }
  });
  return { name: name.toLowerCase(), value };
}

function readParameter(bytes: Uint8Array): QueryParameter {
  let name = "";
  let value = "";
  readFields(bytes, (field, reader) => {
    if (field === 1) name = reader.string();
    else if (field === 2) value = reader.string();
    else return false;
    return true;
  });
  return { name, value };
}
