/** Commands about proxies, with a real one: `tulle run` beside a control plane. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { saying, TulleHome } from "../support/tulle-process.ts";

const APP = `require("node:http").createServer((_, response) => response.end("ok")).listen(process.env.PORT, "127.0.0.1")`;

/** A cluster, a listener and a route more for every proxy. */
const OTHER_SERVICE = `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"},
  "spec": {"selector": {"app": "other"}, "ports": [{"port": 80}]}}`;

describe("tulle and a running proxy", () => {
  let home: TulleHome;
  let app: ChildProcess;
  let id = "";

  before(async () => {
    home = await TulleHome.open();
    await home.startControlPlane();
    const words = ["run", "--service", "catalog", "--labels", "version=v1", "--port", "auto"];
    app = home.start([...words, "--", process.execPath, "-e", APP]);
    app.stdout?.resume();
    await saying(app, /serves catalog/);
    const { proxies } = JSON.parse(await home.succeed(["status", "-o", "json"]));
    id = proxies[0].id;
  });

  after(() => home.close());

  test("a change is acknowledged before --wait ends", async () => {
    await home.succeed(["split", "catalog", "v1=100", "--wait", "--timeout", "60s"]);
    const { revision, proxies } = JSON.parse(await home.succeed(["status", "-o", "json"]));
    assert.equal(proxies[0].sync, "synced");
    assert.equal(proxies[0].acknowledgedRevision, revision);
    assert.match(await home.succeed(["status"]), new RegExp(`\\n${id} +catalog +SYNCED `));
    assert.match(await home.succeed(["describe", "svc", "catalog"]), new RegExp(` ${id} +127\\.`));
  });

  test("the proxy itself tells what it runs, and how much it logs", async () => {
    const routes = await home.succeed(["proxy", "config", id, "routes"]);
    assert.match(routes, /outbound\|80\|\|catalog\.default\.svc\.tulle\.local .*catalog-v1/);
    const clusters = JSON.parse(
      await home.succeed(["proxy", "config", id, "clusters", "-o", "json"]),
    );
    assert.match(clusters["@type"], /ClustersConfigDump$/);
    await home.succeed(["proxy", "log-level", id, "debug"]);
    assert.match(await home.succeed(["proxy", "log-level", id]), /debug/);
    const checked = await home.tulle(["check"]);
    assert.match(checked.stdout, /√ every connected proxy says that it is ready\n/);
  });

  test("a proxy that does not answer is named when --timeout ends the wait, with exit code 4", async () => {
    const pid = sidecarOf(app.pid ?? 0);
    process.kill(pid, "SIGSTOP");
    try {
      const result = await home.refuse(
        ["apply", "-f", "-", "--wait", "--timeout", "1s"],
        4,
        /1 of 1 proxies has not acknowledged revision \d+ within 1 s:\n/,
        OTHER_SERVICE,
      );
      assert.match(result.stderr, new RegExp(`\\n {2}${id}: `));
      assert.match(await home.succeed(["status"]), new RegExp(`\\n${id} +catalog +STALE `));
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await home.succeed(["apply", "-f", "-", "--wait"], OTHER_SERVICE);
    assert.match(await home.succeed(["proxy", "config", id, "clusters"]), /other\.default\.svc/);
  });
});

/** The process id of the sidecar among the descendants of a process (proc(5)). */
function sidecarOf(root: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const parent = parentOf(Number(name));
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const waiting = [root];
  for (let pid = waiting.shift(); pid !== undefined; pid = waiting.shift()) {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    if (words.includes("sidecar")) return pid;
    waiting.push(...(children.get(pid) ?? []));
  }
  return assert.fail(`process ${root} has no sidecar`);
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold blanks; the parent is the second field behind it.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}
