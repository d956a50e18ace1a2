/** A real Zipkin with its spans in memory, and its API. */
import type { TestContext } from "node:test";
import type { ZipkinSpan } from "../../src/control-plane/telemetry/export/zipkin/zipkin-span.ts";
import { mavenPeer, ZIPKIN } from "./maven-peer.ts";
import { RestartablePeer } from "./restartable-peer.ts";

/** The jar, or why there is none, which is said. */
export async function zipkinJar(): Promise<{
  readonly jar: string;
  readonly skip: string | false;
}> {
  const { path: jar, skip } = await mavenPeer(ZIPKIN);
  if (skip !== false) console.error(`SKIPPED, not passed: no Zipkin: ${skip}`);
  return { jar, skip };
}

export async function startZipkin(
  t: TestContext,
  jar: string,
  port: number,
): Promise<RestartablePeer> {
  const property = (name: string, value: string): string => `-Darmeria.ports[0].${name}=${value}`;
  return await RestartablePeer.start(t, {
    program: "java",
    args: [
      ...["-Xmx256m", "-XX:TieredStopAtLevel=1", property("ip", "127.0.0.1")],
      ...[property("port", String(port)), property("protocols[0]", "http"), "-jar", jar],
    ],
    readyUrl: `http://127.0.0.1:${port}/health`,
  });
}

/** Undefined for what it does not know. */
export async function askZipkin<T>(port: number, path: string): Promise<T | undefined> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v2/${path}`);
  return answer.status === 200 ? ((await answer.json()) as T) : undefined;
}

/** The spans of a trace, once there are so many. */
export async function zipkinTrace(
  port: number,
  id: string,
  count: number,
): Promise<readonly ZipkinSpan[] | undefined> {
  const spans = await askZipkin<readonly ZipkinSpan[]>(port, `trace/${id}`);
  return spans?.length === count ? spans : undefined;
}
