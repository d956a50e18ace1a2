/**
 * The two variants of ADS as the client sees them: how a request is written and how a response is read. What
 * they have in common is `NormalizedResponse`.
 */
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";
import type { ClientType, NormalizedResponse } from "./client-type.ts";
import type { ReceivedResource, ResourceError } from "./resource-consumer.ts";

export interface Answer {
  readonly nonce: string;
  /** Undefined for an acknowledgement. */
  readonly error: string | undefined;
}

export interface ClientProtocol {
  /** gRPC method path. */
  readonly path: string;
  /**
   * The next request of the type: its pending subscriptions, with `answer` to a response when there is
   * one. `node` is given on the first request of a stream only.
   */
  encode(type: ClientType, answer: Answer | undefined, node: Node | undefined): Uint8Array;
  /** Throws when the bytes are no response. `known` are the names that the type has now. */
  decode(bytes: Uint8Array, known: (typeUrl: string) => Iterable<string>): NormalizedResponse;
}

/** google.rpc.Code.INVALID_ARGUMENT. */
export const NACK_CODE = 3;

/** Refuses names that come twice, whichever of the two is meant (xDS protocol, SotW and delta alike). */
export function withoutDuplicates(resources: readonly ReceivedResource[]): {
  readonly resources: readonly ReceivedResource[];
  readonly errors: readonly ResourceError[];
} {
  const counts = new Map<string, number>();
  for (const { name } of resources) counts.set(name, (counts.get(name) ?? 0) + 1);
  const isSingle = ({ name }: ReceivedResource): boolean => counts.get(name) === 1;
  const twice = [...counts].filter(([, count]) => count > 1);
  return {
    resources: resources.filter(isSingle),
    errors: twice.map(([name, count]) => ({
      name,
      message: `occurs ${count} times in a response`,
    })),
  };
}
