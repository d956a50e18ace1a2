/** The pages of the shop as functions from data to HTML. Every value from outside goes through `escape`. */

const STYLE = `
:root{--ink:#2b2230;--soft:#75697c;--line:#e8e0ea;--rose:#b2476a;--paper:#fffdfc}
*{box-sizing:border-box}body{margin:0;font:16px/1.5 Georgia,'Times New Roman',serif;color:var(--ink);background:var(--paper)}
header{display:flex;gap:1.5rem;align-items:center;flex-wrap:wrap;padding:1rem 2rem;border-bottom:1px solid var(--line)}
header h1{font-size:1.5rem;margin:0;letter-spacing:.02em}header nav{display:flex;gap:1rem;margin-right:auto}
a{color:var(--rose);text-decoration:none}a:hover{text-decoration:underline}header h1 a{color:var(--ink)}
main{max-width:68rem;margin:0 auto;padding:1.5rem 2rem}h2{font-weight:normal;margin:.5rem 0 1rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:1.25rem}
.card{border:1px solid var(--line);border-radius:.6rem;overflow:hidden;background:#fff}.card div{padding:.75rem 1rem}
.card svg,.hero svg{display:block;width:100%}.card svg{height:7rem}.hero{display:grid;grid-template-columns:1fr 1fr;gap:2rem}
.hero svg{height:18rem;border-radius:.6rem}.price{font-size:1.1rem}.soft{color:var(--soft);font-size:.9rem}.stars{color:#c98a1b}
button{font:inherit;background:var(--rose);color:#fff;border:0;border-radius:.4rem;padding:.4rem .9rem;cursor:pointer}
input{font:inherit;padding:.35rem .5rem;border:1px solid var(--line);border-radius:.4rem;width:9rem}form{display:inline-flex;gap:.5rem}
table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.5rem;border-bottom:1px solid var(--line)}td:last-child,th:last-child{text-align:right}
footer{max-width:68rem;margin:2rem auto;padding:1rem 2rem;border-top:1px solid var(--line)}
@media(max-width:40rem){.hero{grid-template-columns:1fr}}`;

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (value) => String(value).replaceAll(/[&<>"']/g, (char) => ENTITIES[char]);
const money = (cents) => `€ ${(cents / 100).toFixed(2)}`;

/** A square of net in the product's colour: the shop needs no image files. */
function swatch(product) {
  const id = `net-${escape(product.id)}`;
  const colour = escape(product.colour);
  return `<svg role="img" aria-label="${escape(product.name)}" preserveAspectRatio="xMidYMid slice" viewBox="0 0 120 80"><defs><pattern id="${id}" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(30)"><path d="M0 0H8M0 0V8" stroke="#fff" stroke-width="1.4" opacity=".6"/></pattern></defs><rect width="120" height="80" fill="${colour}"/><rect width="120" height="80" fill="url(#${id})"/></svg>`;
}

/** Only catalog v2 knows ratings: this is what a shifted share of traffic looks like to a customer. */
function rating(product) {
  if (product.rating === undefined) return "";
  const full = Math.round(product.rating);
  return `<div class="stars" title="${product.rating.toFixed(1)} of 5">${"★".repeat(full)}${"☆".repeat(5 - full)} <span class="soft">${product.rating.toFixed(1)} (${product.reviews})</span></div>`;
}

function card(product) {
  const link = `/products/${escape(product.id)}`;
  return `<article class="card"><a href="${link}">${swatch(product)}</a><div><a href="${link}">${escape(product.name)}</a>${rating(product)}<div class="price">${money(product.priceCents)}</div></div></article>`;
}

function signInForm(customer) {
  if (customer === undefined) {
    return `<form method="post" action="/sign-in"><input name="name" placeholder="Your name" aria-label="Your name" required maxlength="40"><button>Sign in</button></form>`;
  }
  return `<span class="soft">Hello, ${escape(customer.name)} of ${escape(customer.city)}</span><form method="post" action="/sign-out"><button>Sign out</button></form>`;
}

function layout({ title, cart, customer, body, footer = "" }) {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)} · Tulle &amp; Thread</title><link rel="icon" href="data:,"><style>${STYLE}</style></head><body>
<header><h1><a href="/">Tulle &amp; Thread</a></h1><nav><a href="/?category=fabric">Fabric</a><a href="/?category=ribbon">Ribbon</a><a href="/?category=trim">Trim</a><a href="/?category=kit">Kits</a></nav>${signInForm(customer)}<a href="/orders">Orders</a><a href="/cart">Cart (${cart?.count ?? 0})</a></header>
<main>${body}</main><footer class="soft">${footer}</footer></body></html>`;
}

function servedBy(catalog, recommendations) {
  return `Products from <b>catalog ${escape(catalog.version)}</b>, recommendations from <b>${escape(recommendations.language)}</b>. Every service is called over mutual TLS.`;
}

const recommended = (recommendations) =>
  `<h2>You may also like</h2><div class="grid">${recommendations.products.map(card).join("")}</div>`;

export function homePage({ cart, customer, catalog, category, recommendations }) {
  const heading = category === null ? "Everything for the last layer" : `Category: ${escape(category)}`;
  const body = `<h2>${heading}</h2><div class="grid">${catalog.products.map(card).join("")}</div>${recommended(recommendations)}`;
  return layout({ title: "Shop", cart, customer, body, footer: servedBy(catalog, recommendations) });
}

export function productPage({ cart, customer, catalog, recommendations }) {
  const { product } = catalog;
  const body = `<section class="hero">${swatch(product)}<div><h2>${escape(product.name)}</h2>${rating(product)}<p>${escape(product.description)}</p><p class="price">${money(product.priceCents)}</p><form method="post" action="/cart"><input type="hidden" name="product" value="${escape(product.id)}"><input name="quantity" type="number" min="1" max="99" value="1" aria-label="Quantity"><button>Add to cart</button></form></div></section>${recommended(recommendations)}`;
  return layout({ title: product.name, cart, customer, body, footer: servedBy(catalog, recommendations) });
}

export function cartPage({ cart, customer }) {
  const rows = cart.lines.map((line) => `<tr><td>${escape(line.name)}</td><td>${line.quantity}</td><td>${money(line.quantity * line.priceCents)}</td></tr>`);
  const body =
    cart.count === 0
      ? `<h2>Your cart is empty</h2><p><a href="/">Look around</a></p>`
      : `<h2>Your cart</h2><table><tr><th>Product</th><th>Quantity</th><th>Price</th></tr>${rows.join("")}<tr><th>Total</th><th>${cart.count}</th><th>${money(cart.totalCents)}</th></tr></table><p><form method="post" action="/checkout"><button>Buy now</button></form></p>`;
  return layout({ title: "Cart", cart, customer, body });
}

export function ordersPage({ cart, customer, orders }) {
  const rows = orders.map((order) => `<tr><td>${escape(order.id)}</td><td>${order.lines.map((line) => `${line.quantity} × ${escape(line.name)}`).join(", ")}</td><td>${escape(order.shipTo)}</td><td>${money(order.totalCents)}</td></tr>`);
  const body = `<h2>Your orders</h2>${orders.length === 0 ? "<p>None yet.</p>" : `<table><tr><th>Order</th><th>Content</th><th>Ships to</th><th>Total</th></tr>${rows.join("")}</table>`}`;
  return layout({ title: "Orders", cart, customer, body });
}

export function errorPage(status, message) {
  const title = status === 404 ? "Not found" : "Something is not right";
  return layout({ title, body: `<h2>${title}</h2><p>${escape(message)}</p><p><a href="/">Back to the shop</a></p>` });
}
