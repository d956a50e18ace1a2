/** Writes the object, where who looks may; where not, says what to do instead. */
import type { Signal } from "@preact/signals";
import type { WhoamiResponse } from "../../../src/control-plane/access-types.ts";
import type { ApplyResponse, ResourceObject } from "../../../src/control-plane/api-types.ts";
import { ApiFailure, apiUrl, postJson } from "../../core/api.ts";
import { SEVERITY } from "../../core/health.ts";
import { refresh, useLive } from "../../core/live.ts";
import { Mark } from "../../ui/status.tsx";

/** What came of writing it. */
export type Outcome =
  | { readonly kind: "none" | "writing" }
  | { readonly kind: "written"; readonly answer: ApplyResponse }
  | { readonly kind: "refused"; readonly failure: ApiFailure };

const ELSEWHERE = "Copy the command and run it where you may change things.";

export function ApplyWeights({
  object,
  text,
  outcome,
}: {
  readonly object: ResourceObject;
  /** Kept by who shows it: once it is written, there is nothing to write any more. */
  readonly outcome: Signal<Outcome>;
  /** The object as YAML. */
  readonly text: string;
}) {
  const { data: who } = useLive<WhoamiResponse>("/whoami");
  if (who === undefined) return null;
  const mayWrite = who.writableKinds?.includes(object.kind) ?? true;
  if (!mayWrite) {
    return (
      <p class="muted">
        You look as {who.name}, whose role {who.role} may not change a {object.kind}. {ELSEWHERE}
      </p>
    );
  }
  const apply = async (): Promise<void> => {
    outcome.value = { kind: "writing" };
    const files = [{ name: `${object.metadata.name}.yaml`, text }];
    try {
      const answer = await postJson<ApplyResponse>(apiUrl("/apply"), { files });
      outcome.value = { kind: "written", answer };
      refresh();
    } catch (error) {
      const failure = error instanceof ApiFailure ? error : new ApiFailure(0, String(error));
      outcome.value = { kind: "refused", failure };
    }
  };
  return (
    <button
      type="button"
      class="button button-primary"
      disabled={outcome.value.kind === "writing"}
      onClick={() => void apply()}
    >
      Apply
    </button>
  );
}

export function ApplyOutcome({ outcome }: { readonly outcome: Outcome }) {
  switch (outcome.kind) {
    case "none":
      return null;
    case "writing":
      return <span class="muted">Writing …</span>;
    case "written":
      return (
        <span>
          <Mark look={{ shape: "circle", tone: "ok" }} /> Written as revision{" "}
          {outcome.answer.revision}.{" "}
          {outcome.answer.findings.map(({ severity, message }) => (
            <span key={message} class={`tone-${SEVERITY[severity].tone}`}>
              {SEVERITY[severity].word}: {message}{" "}
            </span>
          ))}
        </span>
      );
    case "refused": {
      const { status, message, hint } = outcome.failure;
      const isForbidden = status === 401 || status === 403;
      return (
        <span>
          <Mark look={{ shape: "square", tone: "bad" }} /> {message}.{" "}
          {isForbidden ? ELSEWHERE : hint}
        </span>
      );
    }
  }
}
