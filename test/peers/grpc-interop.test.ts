/**
 * The interop client and server of google.golang.org/grpc with two sidecars between: every case that needs no
 * credentials of a cloud. The server listens on every interface, so all runs in a network namespace of its
 * own where that can be made; elsewhere the suite says so and is skipped.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import { freePort } from "../support/free-port.ts";
import { GRPC_INTEROP, goPeer } from "./go-peer.ts";
import { startPeer } from "./peer-process.ts";
import { startPair } from "./sidecar-pair.ts";

const CASES = [
  ...["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong"],
  ...["empty_stream", "timeout_on_sleeping_server", "cancel_after_begin"],
  ...["cancel_after_first_response", "status_code_and_message", "special_status_message"],
  ...["custom_metadata", "unimplemented_method", "unimplemented_service"],
];
const CASE_TIMEOUT_MS = 60_000;
/** Set in the process that runs within the namespace. */
const INSIDE = "TULLE_INTEROP_INSIDE";

const { folder, skip } = await goPeer(GRPC_INTEROP);

function whyNoNamespace(): string | false {
  const made = spawnSync("unshare", ["--net", "--map-root-user", "ip", "link", "set", "lo", "up"]);
  return made.status === 0 ? false : "no network namespace can be made here";
}

if (process.env[INSIDE] === "1") {
  test("cases", async (t) => runCases(t));
} else {
  test("every standard case", { skip: skip === false ? whyNoNamespace() : skip }, async () => {
    const inside = 'ip link set lo up && exec "$@"';
    const command = [process.execPath, "--test-reporter=tap", import.meta.filename];
    const args = ["--net", "--map-root-user", "sh", "-c", inside, "sh", ...command];
    // The inner run reports to us, not to the runner of this one.
    const { NODE_TEST_CONTEXT: _, ...outer } = process.env;
    const env = { ...outer, [INSIDE]: "1" };
    const { stdout } = await promisify(execFile)("unshare", args, { env }).catch(
      (error: { readonly stdout: string }) => assert.fail(error.stdout),
    );
    for (const name of CASES) assert.match(stdout, new RegExp(`ok \\d+ - ${name}\\n`));
  });
}

async function runCases(t: TestContext): Promise<void> {
  const appPort = await freePort();
  await startPeer(t, appPort, [join(folder, "server"), "--port", String(appPort)]);
  const { port } = await startPair(t, appPort);
  for (const name of CASES) {
    await t.test(name, { timeout: CASE_TIMEOUT_MS }, async () => {
      const args = ["--server_host", "127.0.0.1", "--server_port", String(port)];
      await promisify(execFile)(join(folder, "client"), [...args, "--test_case", name]);
    });
  }
}
