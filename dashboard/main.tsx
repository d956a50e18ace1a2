/** The dashboard's start: what stands around all views, and the view of the address. */
import { render } from "preact";
import { takeTokenFromAddress } from "./core/api.ts";
import { listenForKeys } from "./core/keys.ts";
import { startPolling } from "./core/live.ts";
import { followLinks } from "./core/location.ts";
import { App } from "./shell/app.tsx";
import { renders } from "./ui/memo.ts";
import { VIEWS } from "./views/registry.ts";

// What idle pages cost is counted, for tests and for the curious.
Object.assign(globalThis, { tulleRenders: renders });
takeTokenFromAddress();
followLinks();
listenForKeys(VIEWS);
startPolling();
const root = document.querySelector("#app");
if (root !== null) render(<App />, root);
