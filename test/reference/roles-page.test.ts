/** `docs/reference/roles.md`: what each role of the admin API may do, from the table that the API itself goes by. */
import { test } from "node:test";
import {
  ADMIN_ROLES,
  OPERATOR_KINDS,
  ROLE_SUMMARIES,
  ROUTE_ACCESS,
  readerOf,
} from "../../src/control-plane/access/roles.ts";
import { registry } from "../../src/resource/registry.ts";
import { checkPage, code, table } from "./reference-page.ts";

const INTRODUCTION = `# Roles of the admin API

Who may do what with the control plane. [The guide](../guides/administrators.md) says how somebody gets a role. This page
is written from the table that the API itself goes by; what is not in it takes an admin.
`;

test("the page of roles is what the API goes by", () => {
  const roles = table(
    ["Role", "What it may do"],
    ADMIN_ROLES.map((role) => [code(role), ROLE_SUMMARIES[role]]),
  );
  const routes = table(
    ["Endpoint", "From this role on"],
    Object.entries(ROUTE_ACCESS).map(([route, access]) => [
      code(route),
      access === "public" ? "anybody" : code(access),
    ]),
  );
  const kinds = registry.kinds.map(({ kind }) => kind).toSorted();
  const objects = table(
    ["Kind", "Read by", "Changed by"],
    kinds.map((kind) => [
      code(kind),
      code(readerOf(kind)),
      code(OPERATOR_KINDS.has(kind) ? "operator" : "admin"),
    ]),
  );
  checkPage(
    "roles.md",
    `${INTRODUCTION}
${roles}

## Endpoints

${routes}

## Objects

\`apply\` and \`delete\` ask for the role of each object's kind; a set with one object too many is refused whole.

${objects}
`,
  );
});
