/** Authorization as a control plane writes it: a hundred policies of ten rules each, and a few that deny. */

const RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
const POLICIES = 100;
const RULES_PER_POLICY = 10;
const DENIED = 20;

const LOOPBACK = { direct_remote_ip: { address_prefix: "127.0.0.0", prefix_len: 8 } };

function nameOf(policy: number, rule: number): string {
  return `ns[shop]-policy[p-${String(policy).padStart(3, "0")}]-rule[${rule}]`;
}

function rule(methods: readonly string[], path: object): object {
  const method = methods.map((exact) => ({ header: { name: ":method", string_match: { exact } } }));
  const rules = [{ or_rules: { rules: method } }, { url_path: { path } }];
  return {
    permissions: [{ and_rules: { rules } }],
    principals: [{ and_ids: { ids: [{ or_ids: { ids: [LOOPBACK] } }] } }],
  };
}

/** Requests are allowed by the last rule of the last policy alone. */
function allowed(): Record<string, object> {
  const policies: Record<string, object> = {};
  for (let policy = 0; policy < POLICIES; policy++) {
    for (let index = 0; index < RULES_PER_POLICY; index++) {
      const isLast = policy === POLICIES - 1 && index === RULES_PER_POLICY - 1;
      const folder = `/private-${policy}/part-${index}/`;
      const path = index % 2 === 0 ? { prefix: folder } : { exact: `${folder}item` };
      policies[nameOf(policy, index)] = rule(["GET", "HEAD"], isLast ? { prefix: "/" } : path);
    }
  }
  return policies;
}

function denied(): Record<string, object> {
  const entries = Array.from({ length: DENIED }, (_, index) => [
    nameOf(POLICIES + index, 0),
    rule(["GET", "PUT", "DELETE"], { prefix: `/secret-${index}` }),
  ]);
  return Object.fromEntries(entries);
}

/** The filters of 100 policies with 1,000 rules, all of which are looked at by a proxy that looks at one after the other. */
export function authorizationFilters(): readonly object[] {
  const filter = (name: string, action: string, policies: object): object => ({
    name: `envoy.filters.http.rbac.${name}`,
    typed_config: { "@type": RBAC, rules: { action, policies } },
  });
  return [filter("deny", "DENY", denied()), filter("allow", "ALLOW", allowed())];
}
