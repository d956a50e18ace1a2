/**
 * Serves the dashboard at the admin address, in front of the API. The page itself holds nothing secret, so anybody may
 * load it; what it shows it asks the API for, which knows who asks. Every address of a view leads to the same page.
 */
import { join } from "node:path";
import type { MiddlewareHandler } from "hono";
import type { AdminEnv } from "./admin-env.ts";
import type { DashboardFiles, ServedFile } from "./dashboard-files.ts";

/** Where things belong to the API or to machines, whoever asks. */
const NOT_VIEWS = /^\/(?:api|metrics|healthz)(?:\/|$)/;

/** Everything is of this origin, no script stands in the page, nobody frames it, no form leaves it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  ...["script-src", "style-src", "font-src", "connect-src", "worker-src"].map(
    (directive) => `${directive} 'self'`,
  ),
  "img-src 'self' data:",
  ...["base-uri", "form-action", "frame-ancestors"].map((directive) => `${directive} 'none'`),
].join("; ");

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const NOT_BUILT = `The dashboard is not built. In a clone, \`npm run demo\` and \`./bin/tulle control-plane\` build it when they start,
and say why when they cannot. The admin API works: GET /api/v1/openapi.json lists it.
`;

/** Beside the compiled program in the package; in a clone where `scripts/install.cjs` builds it. */
export function dashboardFolder(): string {
  const root = join(import.meta.dirname, "..", "..", "..");
  const isClone = import.meta.filename.endsWith(".ts");
  return isClone ? join(root, "dashboard", "dist") : join(root, "dist", "dashboard");
}

export function dashboardFront(files: DashboardFiles): MiddlewareHandler<AdminEnv> {
  return async ({ req }, next) => {
    const { method, path } = req;
    const isReading = method === "GET" || method === "HEAD";
    if (!isReading || NOT_VIEWS.test(path)) return await next();
    const isAsset = path.startsWith("/assets/");
    const isView = path === "/" || req.header("accept")?.includes("text/html") === true;
    if (!isAsset && !isView) return await next();
    if (!(await files.isBuilt())) {
      return new Response(NOT_BUILT, { status: 503, headers: SECURITY_HEADERS });
    }
    const wanted = isAsset ? path : "/index.html";
    const file = await files.get(wanted, req.header("accept-encoding"));
    if (file === undefined) return await next();
    return answer(file, req.header("if-none-match"));
  };
}

function answer(file: ServedFile, ifNoneMatch: string | undefined): Response {
  const headers = new Headers(SECURITY_HEADERS);
  headers.set("etag", file.etag);
  headers.set("vary", "accept-encoding");
  headers.set(
    "cache-control",
    file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
  );
  if (isKnown(file.etag, ifNoneMatch)) return new Response(null, { status: 304, headers });
  headers.set("content-type", file.type);
  if (file.coding !== "identity") headers.set("content-encoding", file.coding);
  return new Response(file.bytes, { headers });
}

/** RFC 9110 section 13.1.2; compared weakly, as it says. */
function isKnown(etag: string, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch
    .split(",")
    .map((one) => one.trim().replace(/^W\//, ""))
    .some((one) => one === etag || one === "*");
}
