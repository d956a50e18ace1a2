/** An answer that a sidecar gives itself. */
import { create } from "@bufbuild/protobuf";
import {
  DirectResponseActionSchema,
  type Route,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";

export interface DirectResponse {
  readonly status: number;
  readonly body: string;
}

export function directResponse({ status, body }: DirectResponse): Route["action"] {
  const value = create(DirectResponseActionSchema, {
    status,
    body: { specifier: { case: "inlineString", value: body } },
  });
  return { case: "directResponse", value };
}
