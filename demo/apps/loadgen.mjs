/**
 * Customers. Three personas visit the shop at a steady rate that does not slow down when the shop does: one that
 * only looks, one that buys, one that comes back to look at old orders. It is a service of the mesh like the others;
 * it listens on PORT for `GET /stats` and prints what it saw when it is stopped.
 */
import { request, serve } from "./service-kit.mjs";

const PAGES_PER_SECOND = Number(process.env.PAGES_PER_SECOND ?? "50");
/** Beyond this many visits under way, new ones are skipped and counted: an open door, not a flood. */
const VISITS_MAX = 500;
const FAILURES_SHOWN_MAX = 20;
const NAMES = ["Ada", "Grace", "Mary", "Emmy", "Sofia", "Hedy", "Lise", "Vera", "Rosa", "Jane"];
const PRODUCTS = ["silk-tulle", "english-net", "point-desprit", "glitter-net", "satin-ribbon", "velvet-ribbon", "grosgrain", "lace-edging", "pearl-beads", "horsehair-braid", "ballet-kit", "veil-kit"];
const CATEGORIES = ["fabric", "ribbon", "trim", "kit"];

const stats = { pages: 0, failures: 0, visits: 0, skipped: 0, visitsByPersona: {} };
let serial = 0;
const visits = new Set();

const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** One customer's browser: keeps cookies, follows the redirect after a form. */
class Browser {
  #cookies = new Map();

  async open(method, path, form) {
    const headers = { "user-agent": "shop-customer/1.0", accept: "text/html" };
    if (this.#cookies.size > 0) headers.cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    if (form !== undefined) headers["content-type"] = "application/x-www-form-urlencoded";
    const body = form === undefined ? undefined : new URLSearchParams(form).toString();
    stats.pages += 1;
    const answer = await request(undefined, "storefront", method, path, { headers, body });
    for (const cookie of answer.headers["set-cookie"] ?? []) {
      const [name, value] = cookie.split(";")[0].split("=");
      this.#cookies.set(name, value);
    }
    if (answer.status >= 400) throw new Error(`${method} ${path} was answered ${answer.status}`);
    if (answer.status === 303) return this.open("GET", answer.headers.location);
    return answer;
  }
}

/** Each persona: its share of visits, how many pages a visit opens (redirects included), and the visit. */
const PERSONAS = [
  {
    name: "browser",
    share: 0.6,
    pages: 4,
    async visit(browser) {
      await browser.open("GET", "/");
      await browser.open("GET", `/?category=${pick(CATEGORIES)}`);
      await browser.open("GET", `/products/${pick(PRODUCTS)}`);
      await browser.open("GET", `/products/${pick(PRODUCTS)}`);
    },
  },
  {
    name: "buyer",
    share: 0.25,
    pages: 8,
    async visit(browser) {
      await browser.open("GET", "/");
      const product = pick(PRODUCTS);
      await browser.open("GET", `/products/${product}`);
      await browser.open("POST", "/cart", { product, quantity: "2" });
      await browser.open("POST", "/cart", { product: pick(PRODUCTS), quantity: "1" });
      await browser.open("POST", "/checkout", {});
    },
  },
  {
    name: "returning",
    share: 0.15,
    pages: 7,
    async visit(browser) {
      serial += 1;
      // A name of its own per visit: two visits of one customer at once would empty each other's cart.
      await browser.open("POST", "/sign-in", { name: `${pick(NAMES)} ${serial % 5000}` });
      await browser.open("GET", "/orders");
      await browser.open("POST", "/cart", { product: pick(PRODUCTS), quantity: "3" });
      await browser.open("POST", "/checkout", {});
    },
  },
];
const PAGES_PER_VISIT = PERSONAS.reduce((sum, persona) => sum + persona.share * persona.pages, 0);

function choosePersona() {
  let rest = Math.random();
  return PERSONAS.find((persona) => (rest -= persona.share) < 0) ?? PERSONAS[0];
}

async function visit() {
  const persona = choosePersona();
  stats.visits += 1;
  stats.visitsByPersona[persona.name] = (stats.visitsByPersona[persona.name] ?? 0) + 1;
  try {
    await persona.visit(new Browser());
  } catch (error) {
    stats.failures += 1;
    if (stats.failures <= FAILURES_SHOWN_MAX) console.error(`a ${persona.name}'s visit failed: ${error.message}`);
  }
}

function startVisit() {
  const promise = visit().finally(() => visits.delete(promise));
  visits.add(promise);
}

/** Arrivals are random (exponential gaps), as customers are; their mean keeps the rate. */
let timer;
let dueMs = performance.now();
function arrive() {
  while (dueMs <= performance.now()) {
    dueMs += (-Math.log(1 - Math.random()) * 1000 * PAGES_PER_VISIT) / PAGES_PER_SECOND;
    if (visits.size < VISITS_MAX) startVisit();
    else stats.skipped += 1;
  }
  timer = setTimeout(arrive, Math.max(0, dueMs - performance.now()));
}

serve("loadgen", { "GET /stats": () => ({ ...stats, underWay: visits.size }) }, {
  onStop: async () => {
    clearTimeout(timer);
    // Customers in the shop finish what they are doing.
    await Promise.all(visits);
    console.log(`${stats.visits} visits, ${stats.pages} pages, ${stats.failures} failed, ${stats.skipped} skipped`);
    if (stats.failures > 0) process.exitCode = 1;
  },
});
arrive();
