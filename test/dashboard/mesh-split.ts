/** A mesh for the views of what it is told to do: a divided Service, one that may be read only, and one that nobody may call. */

/** Requests to catalog, to payments, and to the vault. */
export const [SENT, READ, DENIED] = [48, 12, 7] as const;

export const APP = `
require("node:http").createServer((request, response) => response.end("done"))
  .listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const version = (name: string) => ({ service: "catalog", labels: { version: name } });

/** As mesh.yaml has them. */
export const VERSIONS = { "catalog-v1": version("v1"), "catalog-v2": version("v2") };

function service(name: string, selector: object): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector, ports: [{ name: "http", port: 80, targetPort: "http" }] },
  };
}

function policy(name: string, rules: readonly object[]): object {
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name },
    spec: { selector: { matchLabels: { app: name } }, rules },
  };
}

export const RESOURCES: readonly object[] = [
  ...["catalog", "payments", "vault"].map((name) => service(name, { app: name })),
  ...["v1", "v2"].map((name) => service(`catalog-${name}`, { app: "catalog", version: name })),
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [
        {
          backendRefs: [
            { name: "catalog-v1", port: 80, weight: 75 },
            { name: "catalog-v2", port: 80, weight: 25 },
          ],
        },
      ],
    },
  },
  policy("payments", [{ to: [{ operation: { methods: ["GET"] } }] }]),
  policy("vault", [
    { from: [{ source: { principals: ["spiffe://tulle.local/ns/default/sa/nobody"] } }] },
  ]),
];
