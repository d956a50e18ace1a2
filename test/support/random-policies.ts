/** AuthorizationPolicies and requests made up by chance, so that about half of the requests are let in. */
import assert from "node:assert/strict";
import type { Prng } from "../../src/core/prng.ts";
import {
  type AuthorizationPolicy,
  authorizationPolicyKind,
} from "../../src/resource/kinds/authorization-policy.ts";
import { Findings } from "../../src/translate/findings.ts";
import type { MeshSnapshot } from "../../src/translate/mesh-snapshot.ts";
import {
  type AuthorizationFilters,
  resolveAuthorization,
} from "../../src/translate/rbac/authorization.ts";
import type { RulePort } from "../../src/translate/rbac/rule-policy.ts";
import { snapshotOf } from "./mesh-fixture.ts";

export const TRUST_DOMAIN = "mesh.test";
/** Callers, the first without an identity. */
export const CALLERS: readonly string[] = [
  "",
  ...["shop/sa/web", "shop/sa/admin", "pay/sa/web", "pay/sa/api"].map(
    (name) => `spiffe://${TRUST_DOMAIN}/ns/${name}`,
  ),
];
export const APP_PORT = 8080;

export interface RandomRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Index into CALLERS. */
  readonly caller: number;
}

const PATHS = [
  "/",
  "/items",
  "/items/7",
  "/items/7/price",
  "/admin",
  "/admin/x",
  "/a.css",
  "/Items",
];
const METHODS = ["GET", "POST", "PUT", "DELETE"];
const HOSTS = ["catalog", "CATALOG", "catalog:80", "shop.example", "a.shop.example:8080"];

export class RandomPolicies {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /** The policies of one workload. */
  set(): readonly AuthorizationPolicy[] {
    const count = 1 + this.#below(4);
    return Array.from({ length: count }, (_, index) => this.#policy(`p${index}`));
  }

  request(): RandomRequest {
    const headers: Record<string, string> = {};
    if (this.#isLikely(0.4)) headers["x-role"] = this.#one(["admin", "user", "administrator"]);
    if (this.#isLikely(0.2)) headers["x-tester"] = "1";
    const query = this.#isLikely(0.3) ? "?admin=/items" : "";
    return {
      method: this.#one(METHODS),
      path: `${this.#one(PATHS)}${query}`,
      host: this.#one(HOSTS),
      headers,
      caller: this.#below(CALLERS.length),
    };
  }

  #policy(name: string): AuthorizationPolicy {
    const action = this.#one(["ALLOW", "ALLOW", "ALLOW", "DENY", "DENY", "AUDIT"]);
    const rules = Array.from({ length: this.#below(4) }, () => this.#rule());
    const spec = {
      action,
      ...(rules.length === 0 && this.#isLikely(0.5) ? {} : { rules }),
      ...(this.#isLikely(0.1) ? { dryRun: true } : {}),
      ...(this.#isLikely(0.15) ? this.#roles() : {}),
    };
    const apiVersion = "mesh.tulle.dev/v1";
    const document = {
      apiVersion,
      kind: "AuthorizationPolicy",
      metadata: { name, namespace: "shop" },
      spec,
    };
    const result = authorizationPolicyKind.validate(document);
    assert.ok(result.ok, JSON.stringify(document));
    return result.object;
  }

  #roles(): object {
    return {
      roles: [{ name: "reader", operations: [this.#operation()] }],
      bindings: [{ role: "reader", subjects: [this.#source()] }],
    };
  }

  #rule(): object {
    const list = <T>(make: () => T): T[] => Array.from({ length: 1 + this.#below(2) }, make);
    return {
      ...(this.#isLikely(0.6) ? { from: list(() => ({ source: this.#source() })) } : {}),
      ...(this.#isLikely(0.7) ? { to: list(() => ({ operation: this.#operation() })) } : {}),
      ...(this.#isLikely(0.25) ? { when: list(() => this.#condition()) } : {}),
    };
  }

  #source(): object {
    return this.#fields([
      [
        "principals",
        [`${TRUST_DOMAIN}/ns/shop/sa/web`, `${TRUST_DOMAIN}/ns/shop/*`, "*/sa/web", "*"],
      ],
      ["namespaces", ["shop", "pay", "sh*", "*ay", "*"]],
      ["serviceAccounts", ["web", "pay/api"]],
      ["trustDomains", [TRUST_DOMAIN, "mesh*", "*test", "other"]],
      ["ipBlocks", ["127.0.0.0/8", "10.0.0.0/8", "127.0.0.1"]],
      ["remoteIpBlocks", ["127.0.0.1", "::1"]],
      ["requestPrincipals", ["*", "issuer/alice"]],
    ]);
  }

  #operation(): object {
    return this.#fields([
      ["methods", [...METHODS, "P*", "*"]],
      [
        "paths",
        [
          "/items",
          "/items*",
          "*.css",
          "/items/{*}",
          "/items/{**}",
          "/{**}/x",
          "/{*}/x",
          "*",
          "/admin*",
        ],
      ],
      ["hosts", ["catalog", "*.example", "shop.*", "*", "catalog:80"]],
      ["ports", [String(APP_PORT), "9090"]],
    ]);
  }

  #condition(): object {
    const [key, choices] = this.#one<readonly [string, readonly string[]]>([
      ["request.headers[x-role]", ["admin", "admin*", "*user", "*"]],
      ["request.headers[x-tester]", ["1", "*"]],
      ["source.namespace", ["shop", "pa*"]],
      ["source.principal", [`${TRUST_DOMAIN}/ns/shop/sa/admin`, "*"]],
      ["source.ip", ["127.0.0.1", "192.0.2.0/24"]],
      ["destination.port", [String(APP_PORT), "9090"]],
      ["destination.ip", ["127.0.0.1", "10.0.0.0/8"]],
      ["connection.sni", ["*", "catalog"]],
      ["request.auth.claims[groups]", ["staff", "*"]],
    ]);
    const isNot = this.#isLikely(0.3);
    return { key, [isNot ? "notValues" : "values"]: this.#some(choices) };
  }

  /** One or two of these fields, or their negations. */
  #fields(choices: readonly (readonly [string, readonly string[]])[]): object {
    const count = this.#isLikely(0.3) ? 2 : 1;
    const entries = Array.from({ length: count }, () => {
      const [name, values] = this.#one(choices);
      const isNot = this.#isLikely(0.25);
      const field = isNot ? `not${name[0]!.toUpperCase()}${name.slice(1)}` : name;
      return [field, this.#some(values)] as const;
    });
    return Object.fromEntries(entries);
  }

  #some<T>(choices: readonly T[]): readonly T[] {
    return [...new Set(Array.from({ length: 1 + this.#below(2) }, () => this.#one(choices)))];
  }

  #one<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)]!;
  }

  #isLikely(share: number): boolean {
    return this.#prng.next() < share;
  }

  #below(limit: number): number {
    return Math.floor(this.#prng.next() * limit);
  }
}

const EMPTY_MESH = snapshotOf("", "empty.yaml");

/** What the policies become in the sidecar of the workload that they are for. */
export function filtersOfPolicies(
  authorizationPolicies: readonly AuthorizationPolicy[],
  port: RulePort,
): AuthorizationFilters {
  const snapshot: MeshSnapshot = { ...EMPTY_MESH, authorizationPolicies };
  return resolveAuthorization(snapshot, new Findings()).filtersOf({
    namespace: "shop",
    labels: { app: "catalog" },
    services: [],
    port,
  });
}
