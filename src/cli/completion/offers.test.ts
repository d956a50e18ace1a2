import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { explain } from "../../bin/explain.ts";
import { commandTable } from "../command-table.ts";
import { completeWords, type LiveNames } from "./offers.ts";
import { completionScript } from "./shell-scripts.ts";

const COMMANDS = commandTable({ controlPlane: async () => 0, sidecar: async () => 0, explain });

const LIVE: LiveNames = {
  objects: async (kind) => [`${kind}-a`, `${kind}-b`],
  proxies: async () => ["catalog-v1-x7k2p"],
  namespaces: async () => ["default", "shop"],
};

async function words(...typed: readonly string[]): Promise<readonly string[]> {
  const { offers, isFiles } = await completeWords(typed, COMMANDS, LIVE);
  return [...offers.map((offer) => offer.word), ...(isFiles ? [":files"] : [])];
}

test("commands, their second words, flags, kinds and names are offered where they can stand", async () => {
  assert.deepEqual(await words("des"), ["describe"]);
  assert.deepEqual(await words("-n", "shop", "des"), ["describe"]);
  assert.deepEqual(await words("proxy", ""), ["config", "log-level", "restart"]);
  assert.deepEqual(await words("get", "ht"), ["httproutes"]);
  assert.deepEqual(await words("get", "svc", ""), ["Service-a", "Service-b"]);
  assert.deepEqual(await words("get", "svc", "Service-a", ""), ["Service-b"]);
  assert.deepEqual(await words("get", "-A", "-l", "x=y", "svc", "Service-b"), ["Service-b"]);
  assert.deepEqual(await words("split", ""), ["Service-a", "Service-b"]);
  assert.deepEqual(await words("get", "--sel"), ["--selector"]);
  assert.deepEqual(await words("get", "svc", "-o", "j"), ["json"]);
  assert.deepEqual(await words("get", "svc", "--output=j"), ["--output=json"]);
  assert.deepEqual(await words("get", "-n", "s"), ["shop"]);
  assert.deepEqual(await words("-n", "s"), ["shop"]);
  assert.deepEqual(await words("proxy", "config", ""), ["catalog-v1-x7k2p"]);
  assert.deepEqual(await words("proxy", "config", "catalog-v1-x7k2p", "en"), ["endpoints"]);
  assert.deepEqual(await words("apply", "-f", ""), [":files"]);
  assert.deepEqual(await words("check", "--color", "a"), ["auto", "always"]);
  assert.deepEqual(await words("__"), []);
  assert.deepEqual(await words("nonsense", ""), []);
});

test("every command is offered at the start, the hidden one is not", async () => {
  const offered = await words("");
  for (const entry of COMMANDS) {
    const first = entry.name.split(" ")[0] ?? "";
    assert.equal(offered.includes(first), entry.isHidden !== true, entry.name);
  }
});

test("the bash script is accepted by bash, and completes with what the program says", () => {
  const script = completionScript("bash");
  const body = `
    tulle() { printf 'httproutes\\tHTTPRoute\\nservices\\n'; }
    ${script}
    COMP_WORDS=(tulle get "") COMP_CWORD=2
    _tulle
    printf '%s\\n' "\${COMPREPLY[@]}"
  `;
  const result = spawnSync("bash", ["-c", body], { encoding: "utf8" });
  assert.equal(result.stderr, "");
  assert.equal(result.stdout, "httproutes\nservices\n");
});
