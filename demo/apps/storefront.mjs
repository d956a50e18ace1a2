/**
 * The shop that people see: pages rendered on the server from what the other services answer. It works without any
 * script in the browser, so that a load generator and a person ask for the same things.
 */
import { randomUUID } from "node:crypto";
import { HttpError, call, serve } from "./service-kit.mjs";
import { cartPage, errorPage, homePage, ordersPage, productPage } from "./storefront-pages.mjs";

const COOKIE_AGE_SECONDS = 7 * 24 * 3600;

function cookiesOf(headers) {
  const pairs = (headers.cookie ?? "").split(";").map((pair) => pair.trim().split("="));
  return Object.fromEntries(pairs.filter(([name]) => name !== "").map(([name, value]) => [name, value ?? ""]));
}

/** Who is looking: a signed-in customer, or an anonymous session that gets its cookie with the answer. */
function visitorOf(context) {
  const cookies = cookiesOf(context.headers);
  const customer = /^[a-z0-9-]{1,40}$/.test(cookies.customer ?? "") ? cookies.customer : undefined;
  const known = /^[a-z0-9-]{1,40}$/.test(cookies.session ?? "") ? cookies.session : undefined;
  const session = known ?? `guest-${randomUUID().slice(0, 13)}`;
  return { customer, session, isNew: known === undefined, owner: customer ?? session };
}

function sendHtml(context, visitor, html) {
  const headers = { "content-type": "text/html; charset=utf-8", "content-length": Buffer.byteLength(html) };
  if (visitor.isNew) headers["set-cookie"] = `session=${visitor.session}; Path=/; Max-Age=${COOKIE_AGE_SECONDS}; HttpOnly`;
  context.outgoing.writeHead(200, headers);
  context.outgoing.end(html);
}

function redirect(context, location, cookies = []) {
  context.outgoing.writeHead(303, { location, "content-length": 0, ...(cookies.length > 0 ? { "set-cookie": cookies } : {}) });
  context.outgoing.end();
}

const formOf = (context) => new URLSearchParams(context.body);
const cartPath = (visitor) => `/carts/${visitor.owner}`;

/** What every page shows in its head: the cart's size, and the customer's name when there is one. */
async function headOf(context, visitor) {
  const [cart, customer] = await Promise.all([
    call(context, "cart", "GET", cartPath(visitor)),
    visitor.customer === undefined ? undefined : call(context, "users", "GET", `/users/${visitor.customer}`),
  ]);
  return { cart, customer };
}

serve("storefront", {
  "GET /": async (context) => {
    const visitor = visitorOf(context);
    const category = context.query.get("category");
    const [head, catalog, recommendations] = await Promise.all([
      headOf(context, visitor),
      call(context, "catalog", "GET", category === null ? "/products" : `/products?category=${encodeURIComponent(category)}`),
      call(context, "recommendations", "GET", `/recommendations?customer=${visitor.owner}`),
    ]);
    sendHtml(context, visitor, homePage({ ...head, catalog, category, recommendations }));
  },
  "GET /products/:id": async (context) => {
    const visitor = visitorOf(context);
    const id = encodeURIComponent(context.params.id);
    const [head, catalog, recommendations] = await Promise.all([
      headOf(context, visitor),
      call(context, "catalog", "GET", `/products/${id}`),
      call(context, "recommendations", "GET", `/recommendations?product=${id}&customer=${visitor.owner}`),
    ]);
    sendHtml(context, visitor, productPage({ ...head, catalog, recommendations }));
  },
  "GET /cart": async (context) => {
    const visitor = visitorOf(context);
    sendHtml(context, visitor, cartPage(await headOf(context, visitor)));
  },
  "POST /cart": async (context) => {
    const visitor = visitorOf(context);
    const form = formOf(context);
    const quantity = Math.min(99, Math.max(1, Number.parseInt(form.get("quantity") ?? "1", 10) || 1));
    await call(context, "cart", "POST", `${cartPath(visitor)}/items`, { productId: form.get("product"), quantity });
    redirect(context, "/cart", visitor.isNew ? [`session=${visitor.session}; Path=/; Max-Age=${COOKIE_AGE_SECONDS}; HttpOnly`] : []);
  },
  "POST /checkout": async (context) => {
    const visitor = visitorOf(context);
    await call(context, "orders", "POST", "/orders", { owner: visitor.owner });
    redirect(context, "/orders");
  },
  "GET /orders": async (context) => {
    const visitor = visitorOf(context);
    const [head, history] = await Promise.all([
      headOf(context, visitor),
      call(context, "orders", "GET", `/orders?owner=${visitor.owner}`),
    ]);
    sendHtml(context, visitor, ordersPage({ ...head, ...history }));
  },
  "POST /sign-in": async (context) => {
    const name = formOf(context).get("name") ?? "";
    if (name.trim() === "") throw new HttpError(400, "a name is needed");
    const customer = await call(context, "users", "POST", "/sessions", { name: name.trim() });
    redirect(context, "/", [`customer=${customer.id}; Path=/; Max-Age=${COOKIE_AGE_SECONDS}; HttpOnly`]);
  },
  "POST /sign-out": (context) => redirect(context, "/", ["customer=; Path=/; Max-Age=0"]),
}, {
  renderError: (outgoing, status, message) => {
    const html = errorPage(status, message);
    outgoing.writeHead(status, { "content-type": "text/html; charset=utf-8", "content-length": Buffer.byteLength(html) });
    outgoing.end(html);
  },
});
