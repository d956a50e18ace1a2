/** What an authorization service has answered, whichever protocol it speaks. */
import type { MetadataMap } from "../../decision/dynamic-metadata.ts";

export type ChangeAction =
  /** In place of all fields of the name. */
  | "set"
  /** Beside them. */
  | "add"
  /** Beside them, where there are any. */
  | "add-if-present"
  | "add-if-absent"
  | "set-if-present";

/** A change of one header field. */
export interface HeaderChange {
  readonly action: ChangeAction;
  /** Lower case. */
  readonly name: string;
  /** One character a byte. */
  readonly value: string;
}

export interface QueryParameter {
  readonly name: string;
  readonly value: string;
}

export interface AuthzAnswer {
  readonly isAllowed: boolean;
  /** Of a denial. */
  readonly status: number;
  readonly body: string;
  /** Of the request on its way to the app. */
  readonly requestChanges: readonly HeaderChange[];
  readonly removedHeaders: readonly string[];
  readonly parametersToSet: readonly QueryParameter[];
  readonly parametersToRemove: readonly string[];
  /** Of the answer that the client gets: the app's, or the denial. */
  readonly responseChanges: readonly HeaderChange[];
  /** For filters behind. */
  readonly metadata: MetadataMap | undefined;
}

/** Where a denial says none. */
export const STATUS_DENIED = 403;

/** A status that an answer can have, or undefined. */
export function finalStatus(status: number): number | undefined {
  return status >= 200 && status <= 599 ? status : undefined;
}

/** Whether anything of the request that routes may look at is another. */
export function changesRequest(answer: AuthzAnswer): boolean {
  return (
    answer.requestChanges.length > 0 ||
    answer.removedHeaders.length > 0 ||
    answer.parametersToSet.length > 0 ||
    answer.parametersToRemove.length > 0
  );
}
