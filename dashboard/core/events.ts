/** Which of a mesh's many events are worth a look: those that people made or that tell of trouble, before routine. */
import type { MeshEvent } from "../../src/control-plane/telemetry-types.ts";

/** Types of which even routine is told: somebody did that. */
const DELIBERATE: ReadonlySet<string> = new Set(["config", "rollout", "security"]);

/** Several events that say the same of several subjects. */
export interface EventGroup {
  readonly newest: MeshEvent;
  readonly count: number;
}

/**
 * What may explain a change in the figures of a service: whatever went wrong, whatever somebody changed, and what its own
 * instances did. The newest `max`.
 */
export function eventsAbout(
  events: readonly MeshEvent[],
  service: string,
  max: number,
): readonly MeshEvent[] {
  return events
    .filter(({ severity, type, subject, message }) => {
      if (message === "") return false;
      return severity !== "info" || DELIBERATE.has(type) || isOf(subject, service);
    })
    .slice(0, max);
}

/** `default/catalog-v1-xedua` and `catalog-2` are of catalog. */
function isOf(subject: string, service: string): boolean {
  const name = subject.slice(subject.lastIndexOf("/") + 1);
  return name === service || name.startsWith(`${service}-`);
}

/** Neighbours that say the same are one, so that a start of ten instances does not hide what came before. */
export function groupEvents(events: readonly MeshEvent[], max: number): readonly EventGroup[] {
  const groups: EventGroup[] = [];
  const known = new Map<string, number>();
  for (const event of events) {
    if (event.message === "" && event.severity === "info") continue;
    const kind = `${event.type} ${event.severity} ${wordsOf(event)} ${event.actor} ${event.time.slice(0, 16)}`;
    const index = known.get(kind);
    const group = index === undefined ? undefined : groups[index];
    if (index !== undefined && group !== undefined) {
      groups[index] = { newest: group.newest, count: group.count + 1 };
    } else if (groups.length < max) {
      known.set(kind, groups.length);
      groups.push({ newest: event, count: 1 });
    }
  }
  return groups;
}

/** Without instants, which differ while the words are the same. */
function wordsOf({ message }: MeshEvent): string {
  return message.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "");
}
