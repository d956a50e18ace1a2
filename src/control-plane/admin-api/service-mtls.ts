/** What the instances of a Service take from their callers, port by port, and which object says so. Pure. */
import { type ServicePort, targetPortOf } from "../../resource/kinds/service.ts";
import { Findings } from "../../translate/findings.ts";
import { resolvePeerAuthentication } from "../../translate/peer-authentication.ts";
import type { EffectiveSetting, InstanceView } from "../api-types.ts";
import type { ObjectCache } from "../object-cache.ts";

/** One setting for each port; more where its instances differ. `instances` are those of the Service. */
export function effectiveMtls(
  ports: readonly ServicePort[],
  instances: readonly InstanceView[],
  objects: ObjectCache,
): readonly EffectiveSetting[] {
  const peers = resolvePeerAuthentication(
    {
      meshConfig: objects.list("MeshConfig")[0],
      peerAuthentications: objects.list("PeerAuthentication"),
      instances: [],
    },
    new Findings(),
  );
  const settings = new Map<string, EffectiveSetting>();
  for (const port of ports) {
    const wanted = targetPortOf(port);
    for (const instance of instances) {
      const found = instance.ports.find((one) => one.port === wanted || one.name === wanted);
      if (found === undefined) continue;
      const { mode, origin } = peers.modeOf(instance, found.port);
      const setting = { field: `mtls.${port.port}`, value: mode, origin };
      settings.set(JSON.stringify(setting), setting);
    }
  }
  return [...settings.values()];
}
