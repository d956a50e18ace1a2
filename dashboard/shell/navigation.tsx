/** The views by what they are about. Where there is little room it is a drawer. */
import { useEffect, useRef } from "preact/hooks";
import { hrefTo, path } from "../core/location.ts";
import { Icon } from "../ui/icons.tsx";
import { VIEW_GROUPS, VIEWS, type ViewEntry } from "../views/registry.ts";

export function Navigation() {
  return (
    <aside class="sidebar">
      <Brand />
      <Links />
    </aside>
  );
}

/** The same as a dialog that a button opens. */
export function NavigationDrawer() {
  const dialog = useRef<HTMLDialogElement>(null);
  const current = path.value;
  useEffect(() => dialog.current?.close(), [current]);
  return (
    <>
      <button
        type="button"
        class="icon-button drawer-button"
        aria-label="Open the navigation"
        onClick={() => dialog.current?.showModal()}
      >
        <Icon name="menu" />
      </button>
      <dialog ref={dialog} class="drawer" aria-label="Navigation">
        <div class="drawer-head">
          <Brand />
          <button
            type="button"
            class="icon-button"
            aria-label="Close the navigation"
            onClick={() => dialog.current?.close()}
          >
            <Icon name="close" />
          </button>
        </div>
        <Links />
      </dialog>
    </>
  );
}

function Brand() {
  return (
    <a class="brand" href={hrefTo("/")}>
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <g fill="none" stroke="currentColor" stroke-width="2.2" stroke-linejoin="round">
          <path d="M10.5 3.5 16 6.7v6.4l-5.5 3.2L5 13.1V6.7z" />
          <path d="M21.5 3.5 27 6.7v6.4l-5.5 3.2L16 13.1V6.7z" />
          <path d="m16 13.1 5.5 3.2v6.4L16 25.9l-5.5-3.2v-6.4z" fill="currentColor" />
        </g>
      </svg>
      <span>Tulle</span>
    </a>
  );
}

function Links() {
  return (
    <nav aria-label="Views">
      {VIEW_GROUPS.map((group) => {
        const views = VIEWS.filter(({ navigation }) => navigation?.group === group);
        if (views.length === 0) return null;
        return (
          <div class="nav-group" key={group}>
            <h2>{group}</h2>
            <ul>
              {views.map((view) => (
                <li key={view.path}>
                  <NavigationLink view={view} />
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </nav>
  );
}

function NavigationLink({ view }: { readonly view: ViewEntry }) {
  const { navigation } = view;
  if (navigation === undefined) return null;
  const isHere = view.path === path.value;
  const isAbove = view.path !== "/" && path.value.startsWith(`${view.path}/`);
  return (
    <a
      href={hrefTo(view.path)}
      class={isAbove ? "is-above" : ""}
      aria-current={isHere ? "page" : undefined}
    >
      <Icon name={navigation.icon} />
      <span>{navigation.title}</span>
    </a>
  );
}
