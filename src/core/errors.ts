/**
 * The one error class of the product. What went wrong is a typed `detail` with a stable `code`, so
 * callers switch on data, never on message text. Each area lists its codes in an `errors.ts` of its own.
 */

/** The least that a detail holds. */
export interface ErrorDetail {
  readonly code: string;
}

export class MeshError<D extends ErrorDetail = ErrorDetail> extends Error {
  readonly detail: D;

  constructor(detail: D, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "MeshError";
    this.detail = detail;
  }

  get code(): D["code"] {
    return this.detail.code;
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether `error` is a MeshError with this code. */
export function hasCode<C extends string>(
  error: unknown,
  code: C,
): error is MeshError<ErrorDetail & { readonly code: C }> {
  return error instanceof MeshError && error.detail.code === code;
}
