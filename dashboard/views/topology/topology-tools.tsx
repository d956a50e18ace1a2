/** Above the drawing: find a service, one namespace, how much at once, drawing or table; below it what the marks mean. */
import { useState } from "preact/hooks";
import { HEALTH, HEALTH_STATES } from "../../core/health.ts";
import { parameter, setParameters } from "../../core/location.ts";
import { Segmented, SelectParameter } from "../../ui/controls.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Mark } from "../../ui/status.tsx";
import { askedNow, pickService } from "./asked.ts";
import { LockMark } from "./lock-mark.tsx";
import type { Mesh } from "./mesh-graph.ts";
import { namespacesOf, openNamespaces, type Scene, toggledOpen } from "./scene.ts";

const SHAPES = [
  { value: "graph", label: "Graph" },
  { value: "table", label: "Table" },
];
const GROUPS = [
  { value: "namespaces", label: "Namespaces" },
  { value: "services", label: "Services" },
];

export function TopologyTools({
  mesh,
  scene,
  shape,
}: {
  readonly mesh: Mesh;
  readonly scene: Scene;
  readonly shape: string;
}) {
  const namespaces = namespacesOf(mesh);
  return (
    <div class="toolbar topology-tools">
      <FindService mesh={mesh} />
      {namespaces.length > 1 && (
        <SelectParameter
          name="namespace"
          label="Namespace"
          choices={[
            { value: "", label: "All" },
            ...namespaces.map((value) => ({ value, label: value })),
          ]}
        />
      )}
      {namespaces.length > 1 && shape === "graph" && scene.steps === undefined && (
        <Segmented
          label="Drawn as"
          choices={GROUPS}
          value={scene.isGrouped ? "namespaces" : "services"}
          onChoose={(value) => setParameters({ group: value, open: null })}
        />
      )}
      {scene.isGrouped && shape === "graph" && <OpenNamespaces mesh={mesh} />}
      <div class="toolbar-end">
        <Segmented
          label="Shown as"
          choices={SHAPES}
          value={shape}
          onChoose={(value) => setParameters({ show: value })}
        />
      </div>
    </div>
  );
}

function OpenNamespaces({ mesh }: { readonly mesh: Mesh }) {
  const asked = askedNow();
  return openNamespaces(mesh, asked).map((namespace) => (
    <button
      key={namespace}
      type="button"
      class="chip"
      aria-label={`Close ${namespace}`}
      onClick={() => setParameters({ open: toggledOpen(asked.open, namespace) })}
    >
      {namespace}
      <Icon name="close" size={10} />
    </button>
  ));
}

/** Leads to a service: the one that was chosen from the list, or with Enter the first whose name has the text in it. */
function FindService({ mesh }: { readonly mesh: Mesh }) {
  const [text, setText] = useState("");
  const services = mesh.nodes.filter(({ kind }) => kind === "service");
  const go = (id: string): void => {
    setText("");
    pickService(id);
  };
  const wanted = text.trim().toLowerCase();
  const found =
    wanted === ""
      ? undefined
      : (services.find(({ label }) => label === wanted) ??
        services.find(({ name }) => name.startsWith(wanted)) ??
        services.find(({ label }) => label.includes(wanted)));
  return (
    <form
      class="topology-find"
      onSubmit={(event) => {
        event.preventDefault();
        if (found !== undefined) go(found.id);
      }}
    >
      <label class="search">
        <Icon name="search" size={14} />
        <input
          type="search"
          aria-label="Go to a service"
          placeholder="Go to a service"
          list="topology-services"
          autocomplete="off"
          value={text}
          data-search=""
          onInput={({ currentTarget: { value } }) => {
            const exact = services.find(({ label }) => label === value);
            const isChosen = exact !== undefined && value.length - text.length > 1;
            if (isChosen) go(exact.id);
            else setText(value);
          }}
        />
        <kbd>/</kbd>
      </label>
      <datalist id="topology-services">
        {services.map(({ id, label }) => (
          <option key={id} value={label} />
        ))}
      </datalist>
      {wanted !== "" && (
        <span class="faint" role="status">
          {found === undefined ? "no service has this in its name" : `Enter: ${found.label}`}
        </span>
      )}
    </form>
  );
}

/** Why not everything is there. */
export function SceneNote({ mesh, scene }: { readonly mesh: Mesh; readonly scene: Scene }) {
  const all = mesh.nodes.length;
  if (scene.isStart) {
    return (
      <p class="topology-note">
        {all} services are too many to read at once. This is what the one that most needs a look
        calls and is called by.{" "}
        <button type="button" class="link-button" onClick={() => setParameters({ depth: "all" })}>
          Draw all
        </button>
      </p>
    );
  }
  if (scene.isGrouped && parameter("group") === "") {
    return (
      <p class="topology-note">
        {all} services are too many to read at once: each namespace is one node, and opens when it
        is picked.
      </p>
    );
  }
  return null;
}

export function Legend() {
  return (
    <ul class="topology-legend" aria-label="Legend">
      {HEALTH_STATES.map((state) => (
        <li key={state}>
          <Mark look={HEALTH[state]} />
          {HEALTH[state].word}
        </li>
      ))}
      <LineSample tone="calm" word="the wider, the more requests" />
      <LineSample tone="warn" word="some fail" />
      <LineSample tone="bad" word="a tenth or more fail" />
      <LineSample tone="split" word="split of a route: wanted · observed" />
      <li>
        <LockMark security="mutual_tls" /> mutual TLS
      </li>
      <li>
        <LockMark security="mixed" /> in part
      </li>
      <li>
        <LockMark security="none" /> plain text
      </li>
      <li>
        <LockMark security="unknown" /> nobody tells
      </li>
    </ul>
  );
}

function LineSample({ tone, word }: { readonly tone: string; readonly word: string }) {
  return (
    <li>
      <svg
        class={`edge-${tone} topology-edge`}
        viewBox="0 0 30 8"
        width="30"
        height="8"
        aria-hidden="true"
      >
        <path class="edge-line" d="M1 4h28" stroke-width="2.2" />
      </svg>
      {word}
    </li>
  );
}
