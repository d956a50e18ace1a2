/** OpenSearch or Elasticsearch, which refuse to run as root and want files of their own. */

import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryFolder } from "./peer-process.ts";
import { RestartablePeer } from "./restartable-peer.ts";

/** The user `nobody`, in every distribution. */
const NOBODY = 65_534;

const PRODUCTS = {
  opensearch: { prefix: "OPENSEARCH", settings: [] },
  // It would make certificates and passwords on its first start.
  elasticsearch: {
    prefix: "ES",
    settings: ["xpack.security.enabled: false", "xpack.ml.enabled: false"],
  },
} as const;

export interface SearchServer {
  /** The name of its program and of its configuration. */
  readonly product: keyof typeof PRODUCTS;
  /** Where the archive was unpacked to. */
  readonly path: string;
  readonly port: number;
  readonly transportPort: number;
}

/** Its data outlive a kill. */
export async function startSearch(t: TestContext, server: SearchServer): Promise<RestartablePeer> {
  const { path, port, transportPort, product } = server;
  const { prefix, settings } = PRODUCTS[product];
  const [unpacked = ""] = readdirSync(path);
  const home = join(path, unpacked);
  const folder = temporaryFolder(t);
  const config = join(folder, "config");
  const folders = [config, join(folder, "data"), join(folder, "logs")];
  for (const one of folders) mkdirSync(one);
  const options = [
    "discovery.type: single-node",
    "network.host: 127.0.0.1",
    `http.port: ${port}`,
    `transport.port: ${transportPort}`,
    `path.data: ${folders[1]}`,
    `path.logs: ${folders[2]}`,
    "cluster.routing.allocation.disk.threshold_enabled: false",
    ...settings,
  ];
  writeFileSync(join(config, `${product}.yml`), `${options.join("\n")}\n`);
  writeFileSync(join(config, "jvm.options"), "-Xms512m\n-Xmx512m\n-XX:TieredStopAtLevel=1\n");
  writeFileSync(join(config, "log4j2.properties"), LOGGING);
  const isRoot = process.getuid?.() === 0;
  if (isRoot)
    for (const one of [folder, ...folders, ...filesOf(config)]) chownSync(one, NOBODY, NOBODY);
  const java = dirname(dirname(realpathSync(execFileSync("which", ["java"]).toString().trim())));
  const program = join(home, "bin", product);
  const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", program];
  return await RestartablePeer.start(t, {
    program: isRoot ? "setpriv" : program,
    args: isRoot ? asNobody : [],
    env: {
      [`${prefix}_PATH_CONF`]: config,
      [`${prefix}_JAVA_HOME`]: java,
      [`${prefix}_TMPDIR`]: folder,
    },
    readyUrl: `http://127.0.0.1:${port}/_cluster/health?wait_for_status=yellow&timeout=1s`,
  });
}

const LOGGING = `appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`;

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder).map((name) => join(folder, name));
}
