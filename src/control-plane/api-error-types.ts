/** How the admin API says that it did not do what it was asked for, in JSON. Types only, no imports. */

export type ApiErrorCode =
  /** The request itself is malformed: 400. */
  | "bad_request"
  /** Nobody is known by what the request shows: 401. */
  | "unauthenticated"
  /** This role, transport or origin may not do that: 403. */
  | "forbidden"
  /** No such object: 404. */
  | "not_found"
  /** No such kind: 404; `hint` names the nearest. */
  | "unknown_kind"
  /** No such endpoint: 404; `hint` names the nearest. */
  | "unknown_route"
  /** Somebody else wrote first: 409. Read again and retry. */
  | "conflict"
  /** A watch asked for a revision that the store no longer holds: 410. List, then watch again. */
  | "compacted"
  /** More than MeshConfig's quotas: 403. Nothing was written. */
  | "quota_exceeded"
  /** This client asks too often: 429. */
  | "too_many_requests"
  /** The body exceeds the limit: 413. */
  | "too_large"
  /** Documents break their schema: 422; `details` is an `InvalidDocuments`. Nothing was written. */
  | "invalid"
  /** The control plane is starting or stopping: 503. */
  | "unavailable"
  /** A defect of the control plane: 500. */
  | "internal";

/** The body of every response whose status is not 2xx. */
export interface ApiErrorBody {
  readonly error: {
    readonly code: ApiErrorCode;
    readonly message: string;
    readonly details?: InvalidDocuments | Readonly<Record<string, unknown>>;
    /** What to do about it. */
    readonly hint?: string;
  };
}

/** `details` of the code `invalid`. */
export interface InvalidDocuments {
  readonly violations: readonly DocumentViolation[];
}

/** One broken rule in one document. */
export interface DocumentViolation {
  /** The file's name as the client gave it. */
  readonly file: string;
  /** Counted from 0 within the file. */
  readonly documentIndex: number;
  /** Counted from 1, when known. */
  readonly line?: number;
  readonly column?: number;
  /** `HTTPRoute default/catalog`, as far as the document tells. */
  readonly object?: string;
  /** `spec.rules[0].backendRefs[1].weight`; empty for the document as a whole. */
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly found?: string;
  readonly allowed?: string;
  /** The valid name that is most like what was found. */
  readonly nearest?: string;
}
