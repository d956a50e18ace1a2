/** The products. CATALOG_VERSION=v2 also answers with ratings, which the storefront shows when they are there. */
import { HttpError, serve } from "./service-kit.mjs";

const version = process.env.CATALOG_VERSION ?? "v1";

const ROWS = [
  ["silk-tulle", "Silk tulle", "fabric", 3450, "#f6d5dc", "Sheer and weightless, for veils that float."],
  ["english-net", "English cotton net", "fabric", 1890, "#efe6d2", "Soft hexagonal net, woven in Nottingham."],
  ["point-desprit", "Point d'esprit", "fabric", 2650, "#dfe7f5", "Fine net with small woven dots."],
  ["glitter-net", "Glitter net", "fabric", 1520, "#e6d9f2", "Catches stage light from the last row."],
  ["satin-ribbon", "Satin ribbon, 25 mm", "ribbon", 420, "#c94f6d", "Double-faced, ten metres on a card."],
  ["velvet-ribbon", "Velvet ribbon, 16 mm", "ribbon", 560, "#4a2545", "Deep pile, for waists and hat bands."],
  ["grosgrain", "Grosgrain ribbon", "ribbon", 380, "#2f6f73", "Ribbed and firm, keeps its bow."],
  ["lace-edging", "Lace edging", "trim", 740, "#f3efe9", "Scalloped cotton lace, by the metre."],
  ["pearl-beads", "Glass pearl beads", "trim", 990, "#e9e2d0", "Six millimetres, two hundred in a jar."],
  ["horsehair-braid", "Horsehair braid", "trim", 610, "#b9b4ad", "Stiffens a hem without weight."],
  ["ballet-kit", "Tutu kit", "kit", 7900, "#f2b8c6", "Twelve layers, pattern and basque."],
  ["veil-kit", "Wedding veil kit", "kit", 6400, "#faf3ec", "Cathedral length, with comb and thread."],
];

const products = ROWS.map(([id, name, category, priceCents, colour, description], index) => {
  const product = { id, name, category, priceCents, colour, description };
  if (version !== "v2") return product;
  return { ...product, rating: 3.5 + ((index * 7) % 15) / 10, reviews: 12 + ((index * 37) % 180) };
});
const byId = new Map(products.map((product) => [product.id, product]));

serve(`catalog ${version}`, {
  "GET /products": ({ query }) => {
    const category = query.get("category");
    const ids = query.get("ids")?.split(",");
    const found = ids === undefined ? products : ids.map((id) => byId.get(id)).filter(Boolean);
    return { version, products: category ? found.filter((product) => product.category === category) : found };
  },
  "GET /products/:id": ({ params }) => {
    const product = byId.get(params.id);
    if (product === undefined) throw new HttpError(404, `no product ${params.id}`);
    return { version, product };
  },
});
