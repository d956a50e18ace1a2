/** What one may tell a rollout to do: each is seen before it is done, as weights, as requests and as the status that follows. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { WhoamiResponse } from "../../../src/control-plane/access-types.ts";
import type {
  RolloutActionRequest,
  RolloutActionResponse,
} from "../../../src/control-plane/action-types.ts";
import type { RolloutState, RolloutView } from "../../../src/control-plane/rollout-types.ts";
import { ApiFailure, apiUrl, postJson } from "../../core/api.ts";
import { formatRate } from "../../core/format.ts";
import { refresh, useLive } from "../../core/live.ts";
import { yamlOf } from "../../core/yaml.ts";
import { CliLine } from "../../ui/cli-line.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Mark } from "../../ui/status.tsx";
import { YamlDiff } from "../../ui/yaml-diff.tsx";
import { type OfferedAction, offeredActions, statusPart } from "./offered-actions.ts";

const CLASS = { primary: "button-primary", plain: "", danger: "button-danger" } as const;

export function RolloutActions({
  view,
  state,
  rate,
}: {
  readonly view: RolloutView;
  readonly state: RolloutState;
  /** Requests a second to both versions; null where it is not known. */
  readonly rate: number | null;
}) {
  const chosen = useSignal<OfferedAction | undefined>(undefined);
  const done = useSignal<RolloutActionResponse | undefined>(undefined);
  const isSame = done.value?.phase === state.phase && done.value.message === state.message;
  return (
    <div class="rollout-actions">
      {offeredActions(view).map((offered) => (
        <button
          key={offered.action}
          type="button"
          class={`button ${CLASS[offered.look]}`}
          onClick={() => {
            chosen.value = offered;
          }}
        >
          {offered.title} …
        </button>
      ))}
      <span role="status" class="rollout-outcome">
        {done.value !== undefined && !isSame && `Done: ${done.value.message}.`}
      </span>
      {chosen.value !== undefined && (
        <ActionDialog
          key={chosen.value.action}
          {...{ view, state, rate }}
          offered={chosen.value}
          onClose={(response) => {
            chosen.value = undefined;
            if (response !== undefined) done.value = response;
          }}
        />
      )}
    </div>
  );
}

interface DialogProps {
  readonly view: RolloutView;
  readonly state: RolloutState;
  readonly rate: number | null;
  readonly offered: OfferedAction;
  readonly onClose: (response?: RolloutActionResponse) => void;
}

function ActionDialog({ view, state, rate, offered, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const title = `${offered.title}: ${view.name}`;
  const yaml = (part: object): string => yamlOf({ status: { rollout: part } });
  return (
    <dialog ref={dialog} class="rollout-dialog" aria-label={title} onClose={() => onClose()}>
      <div class="drawer-head">
        <h2>{title}</h2>
        <button
          type="button"
          class="icon-button"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
      </div>
      <p>{offered.effect}</p>
      <ul class="rollout-weights">
        <Weight name={state.stableService} version="stable" {...{ state, offered, rate }} />
        <Weight name={state.canaryService} version="canary" {...{ state, offered, rate }} />
      </ul>
      <YamlDiff
        label="What would change in the status"
        before={yaml(statusPart(state))}
        after={yaml(offered.after)}
      />
      <Confirm {...{ view, offered, onClose }} />
    </dialog>
  );
}

function Weight({
  name,
  version,
  state,
  offered,
  rate,
}: Pick<DialogProps, "state" | "offered" | "rate"> & {
  readonly name: string;
  readonly version: "stable" | "canary";
}) {
  const [before, after] = [state.weights[version], offered.after.weights[version]];
  const part = (weight: number): string => formatRate(((rate ?? 0) * weight) / 100);
  return (
    <li>
      <span>
        <b>{name}</b> <span class="faint">{version}</span>
      </span>
      <span class="weight-effect">
        {before}% → <strong>{after}%</strong>
      </span>
      <span class="weight-effect">
        {rate !== null && (
          <>
            {part(before)} → <strong>{part(after)}</strong> requests/s
          </>
        )}
      </span>
    </li>
  );
}

/** The button for who may, and the command for everybody. */
function Confirm({ view, offered, onClose }: Pick<DialogProps, "view" | "offered" | "onClose">) {
  const { data: who } = useLive<WhoamiResponse>("/whoami");
  const failure = useSignal<ApiFailure | undefined>(undefined);
  const isActing = useSignal(false);
  const mayAct = who?.writableKinds?.includes("Rollout") ?? true;
  const act = async (): Promise<void> => {
    isActing.value = true;
    failure.value = undefined;
    const path = `/rollouts/${encodeURIComponent(view.namespace)}/${encodeURIComponent(view.name)}/actions`;
    const body: RolloutActionRequest = { action: offered.action };
    try {
      const response = await postJson<RolloutActionResponse>(apiUrl(path), body);
      refresh();
      onClose(response);
    } catch (error) {
      failure.value = error instanceof ApiFailure ? error : new ApiFailure(0, String(error));
      isActing.value = false;
    }
  };
  return (
    <div class="rollout-confirm">
      <CliLine command={offered.command} />
      {who !== undefined && mayAct && (
        <button
          type="button"
          class={`button ${CLASS[offered.look] || CLASS.primary}`}
          disabled={isActing.value}
          onClick={() => void act()}
        >
          {offered.title}
        </button>
      )}
      {who !== undefined && !mayAct && (
        <p class="muted">
          You look as {who.name}, whose role {who.role} may not change a Rollout. Copy the command
          and run it where you may.
        </p>
      )}
      <div role="alert" class="rollout-refused">
        {failure.value !== undefined && (
          <>
            <Mark look={{ shape: "square", tone: "bad" }} /> {failure.value.message}.{" "}
            {failure.value.hint}
          </>
        )}
      </div>
    </div>
  );
}
