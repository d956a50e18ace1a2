/** What is looked at before a connection gets its filter chain: Envoy's inspectors. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ListenerFilter,
  ListenerFilterSchema,
} from "../gen/envoy/config/listener/v3/listener_components_pb.js";
import type { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { HttpInspectorSchema } from "../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { TlsInspectorSchema } from "../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { duration, pack } from "./message.ts";

/** What Envoy's http_inspector calls requests in HTTP/1 and in HTTP/2 with prior knowledge. */
export const HTTP_APPLICATION_PROTOCOLS = ["http/1.0", "http/1.1", "h2c"] as const;

type Inspection = Pick<
  MessageInitShape<typeof ListenerSchema> & object,
  "listenerFilters" | "listenerFiltersTimeout" | "continueOnListenerFiltersTimeout"
>;

/** Server name and ALPN of a ClientHello. A client of TLS always speaks first. */
export function inspectTls(): Inspection {
  return { listenerFilters: [tlsInspector()] };
}

/** The same where plain text may come instead, from clients that may wait for the server to speak. */
export function detectTls(timeoutMs: number): Inspection {
  return {
    ...inspectTls(),
    listenerFiltersTimeout: duration(timeoutMs),
    continueOnListenerFiltersTimeout: true,
  };
}

/** TLS, HTTP or anything else. Who says nothing for so long is waiting for the server to speak. */
export function detectProtocol(timeoutMs: number): Inspection {
  return {
    listenerFilters: [
      tlsInspector(),
      create(ListenerFilterSchema, {
        name: "envoy.filters.listener.http_inspector",
        configType: {
          case: "typedConfig",
          value: pack(HttpInspectorSchema, create(HttpInspectorSchema)),
        },
      }),
    ],
    listenerFiltersTimeout: duration(timeoutMs),
    continueOnListenerFiltersTimeout: true,
  };
}

function tlsInspector(): ListenerFilter {
  return create(ListenerFilterSchema, {
    name: "envoy.filters.listener.tls_inspector",
    configType: {
      case: "typedConfig",
      value: pack(TlsInspectorSchema, create(TlsInspectorSchema)),
    },
  });
}
