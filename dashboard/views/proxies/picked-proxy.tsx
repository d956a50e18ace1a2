/** One proxy: what its state means, what it refuses, and the commands that tell more. */
import type { ProxyFigures } from "../../../src/control-plane/telemetry-types.ts";
import { formatDuration } from "../../core/format.ts";
import { setParameters } from "../../core/location.ts";
import { namespaceFlag, quoted } from "../../core/shell-words.ts";
import { CliLine } from "../../ui/cli-line.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Panel } from "../../ui/page.tsx";
import { Mark } from "../../ui/status.tsx";
import { hasSkew, SYNC, syncOf } from "./sync.ts";

export function PickedProxy({
  proxy,
  version,
}: {
  readonly proxy: ProxyFigures;
  /** Of the control plane; empty when it is not known. */
  readonly version: string;
}) {
  const name = quoted(proxy.name) + namespaceFlag(proxy.service.namespace);
  return (
    <Panel
      title={proxy.name}
      class="picked-proxy"
      actions={
        <button
          type="button"
          class="icon-button"
          aria-label="Close"
          onClick={() => setParameters({ proxy: null })}
        >
          <Icon name="close" size={14} />
        </button>
      }
    >
      <p class="picked-state">
        <Mark look={SYNC[syncOf(proxy)]} /> {meaningOf(proxy)}
      </p>
      {proxy.refusal !== null && <pre class="refusal">{proxy.refusal}</pre>}
      {hasSkew(proxy.version, version) && (
        <p class="picked-state">
          <Mark look={{ shape: "triangle", tone: "warn" }} /> It is of version {proxy.version}, the
          control plane of {version}. It is sent only what it understands; start it anew to have the
          rest.
        </p>
      )}
      <div class="picked-commands">
        <CliLine command={`tulle status ${name}`} />
        <CliLine command={`tulle proxy config ${name}`} />
      </div>
    </Panel>
  );
}

function meaningOf(proxy: ProxyFigures): string {
  switch (syncOf(proxy)) {
    case "refusing":
      return `It refuses what was sent to it and goes on with revision ${proxy.revision ?? "none"}:`;
    case "gone":
      return "It is not connected. It goes on with the configuration that it has.";
    case "stale":
      return `It has been sent a newer configuration ${formatDuration(proxy.staleSeconds)} ago and has not taken it yet.`;
    case "synced":
      return "It runs everything that was sent to it.";
  }
}
