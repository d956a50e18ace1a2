/** Failures of the admin API: a code, the HTTP status that goes with it, and the body that says both. */
import { MeshError, messageOf } from "../../core/errors.ts";
import type { ApiErrorBody, ApiErrorCode } from "../api-error-types.ts";

const STATUS_BY_CODE = {
  bad_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  quota_exceeded: 403,
  not_found: 404,
  unknown_kind: 404,
  unknown_route: 404,
  conflict: 409,
  compacted: 410,
  too_large: 413,
  invalid: 422,
  too_many_requests: 429,
  internal: 500,
  unavailable: 503,
} as const satisfies Record<ApiErrorCode, number>;

export type ApiErrorStatus = (typeof STATUS_BY_CODE)[ApiErrorCode];

/** What a route throws. The store has codes of the same names, which mean less: this one is complete. */
interface ApiErrorDetail {
  readonly code: "api-error";
  readonly error: ApiErrorBody["error"];
}

/** The error to throw from a route. */
export function apiError(
  code: ApiErrorCode,
  message: string,
  extra: Pick<ApiErrorBody["error"], "details" | "hint"> = {},
): MeshError<ApiErrorDetail> {
  return new MeshError({ code: "api-error", error: { code, message, ...extra } }, message);
}

export interface ApiErrorResponse {
  readonly status: ApiErrorStatus;
  readonly body: ApiErrorBody;
}

/** What a thrown value becomes. Anything that is not foreseen is `internal` and tells no details. */
export function apiErrorResponse(error: unknown): ApiErrorResponse {
  if (error instanceof MeshError) {
    if (isApiError(error)) return respond(error.detail.error.code, error.detail.error);
    const { code } = error.detail;
    const message = messageOf(error);
    switch (code) {
      case "not-found":
        return respond("not_found", { code: "not_found", message });
      case "already-exists":
      case "conflict":
        return respond("conflict", {
          code: "conflict",
          message,
          hint: "somebody else changed the object at the same time: read it again and retry",
        });
      case "compacted":
        return respond("compacted", {
          code: "compacted",
          message,
          hint: "list again and watch from the revision of that list",
        });
      case "closed":
      case "unavailable":
        return respond("unavailable", { code: "unavailable", message });
      default:
        break;
    }
  }
  return respond("internal", {
    code: "internal",
    message: "the control plane failed to answer",
    hint: "its log says why",
  });
}

function respond(code: ApiErrorCode, error: ApiErrorBody["error"]): ApiErrorResponse {
  return { status: STATUS_BY_CODE[code], body: { error } };
}

function isApiError(error: MeshError): error is MeshError<ApiErrorDetail> {
  return error.detail.code === "api-error";
}
