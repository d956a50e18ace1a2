/**
 * Ports for those who cannot take port 0, and ports where nobody listens. They are below those that the system gives away by
 * itself, so that nobody gets one of them by chance in the meantime.
 */
import { once } from "node:events";
import { createServer } from "node:net";

/** Linux gives away 32768 and above (`ip_local_port_range`). */
const FIRST = 15_000;
const LAST = 32_000;

/** A port of 127.0.0.1 that is free. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const server = createServer();
    try {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    } catch {
      // Somebody has it.
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}
