/** Opens an address or a file in the user's browser. */
import { spawn } from "node:child_process";

/** A machine without a desktop has no opener; who calls this has shown the address already. */
export function openBrowser(target: string): void {
  const opener = spawn("xdg-open", [target], { stdio: "ignore", detached: true });
  opener.on("error", () => {});
  opener.unref();
}
