/**
 * Every command by name, with what `tulle --help` prints. The modules load only when chosen, so that
 * `tulle get` starts fast. What the two servers do is handed in by the program: the CLI knows only their flags.
 */
import type { CommandEntry, Programs } from "./command-entry.ts";

export function commandTable(programs: Programs): readonly CommandEntry[] {
  const table: readonly CommandEntry[] = [
    ...runEntries(programs),
    ...CONFIGURE_ENTRIES,
    ...OBSERVE_ENTRIES,
    ...INSPECT_ENTRIES,
    ...ACCESS_ENTRIES,
    {
      name: "explain",
      summary: "Show which route a request takes and why, and where it goes",
      group: "inspect",
      load: async () =>
        (await import("./commands/explain-command.ts")).createCommand(programs.explain),
    },
    {
      name: "authz check",
      summary: "Ask whether policy lets a request in, and by which rule",
      group: "inspect",
      load: async () =>
        (await import("./commands/authz-check-command.ts")).createCommand(programs.explain),
    },
    {
      name: "authz suggest",
      summary: "Write least-privilege policies from observed traffic",
      group: "inspect",
      load: async () => (await import("./authz/authz-suggest-command.ts")).command,
    },
    {
      name: "version",
      summary: "Show the version of this program and of the control plane",
      group: "other",
      load: async () => (await import("./commands/version-command.ts")).command,
    },
    {
      name: "completion",
      summary: "Print the script that completes commands in a shell",
      group: "other",
      load: async () => (await import("./commands/completion-command.ts")).command,
    },
    {
      name: "__complete",
      summary: "Offer what may stand at the cursor",
      group: "other",
      isHidden: true,
      load: async () => (await import("./commands/complete-command.ts")).createCommand(table),
    },
  ];
  return table;
}

function runEntries(programs: Programs): readonly CommandEntry[] {
  return [
    {
      name: "demo",
      summary: "Run a whole shop with a mesh on this machine",
      group: "run",
      load: async () => (await import("./demo-command.ts")).command,
    },
    {
      name: "up",
      summary: "Run an application's services, each with its sidecar",
      group: "run",
      load: async () => (await import("./up/command.ts")).command,
    },
    {
      name: "down",
      summary: "Stop what `tulle up` runs",
      group: "run",
      load: async () => (await import("./up/down-command.ts")).command,
    },
    {
      name: "run",
      summary: "Run one command as an instance of a service, with a sidecar",
      group: "run",
      load: async () => (await import("./run/command.ts")).command,
    },
    {
      name: "gateway",
      summary: "Run a gateway: where requests from outside enter the mesh",
      group: "run",
      load: async () => (await import("./gateway/command.ts")).command,
    },
    {
      name: "control-plane",
      summary: "Run the control plane",
      group: "run",
      load: async () =>
        (await import("./commands/control-plane-command.ts")).createCommand(programs.controlPlane),
    },
    {
      name: "sidecar",
      summary: "Run the sidecar proxy from an Envoy bootstrap file",
      group: "run",
      load: async () =>
        (await import("./commands/sidecar-command.ts")).createCommand(programs.sidecar),
    },
  ];
}

const CONFIGURE_ENTRIES: readonly CommandEntry[] = [
  {
    name: "apply",
    summary: "Create or change resources from files",
    group: "configure",
    load: async () => (await import("./commands/apply-command.ts")).command,
  },
  {
    name: "get",
    summary: "List resources, or show some by name",
    group: "configure",
    load: async () => (await import("./commands/get-command.ts")).command,
  },
  {
    name: "describe",
    summary: "Show one resource with everything that bears on it",
    group: "configure",
    load: async () => (await import("./commands/describe-command.ts")).command,
  },
  {
    name: "delete",
    summary: "Delete resources by name or by file",
    group: "configure",
    load: async () => (await import("./commands/delete-command.ts")).command,
  },
  {
    name: "drain",
    summary: "Take instances out of service for maintenance",
    group: "configure",
    load: async () => (await import("./commands/drain-command.ts")).command,
  },
  {
    name: "undrain",
    summary: "Put drained instances back into service",
    group: "configure",
    load: async () => (await import("./commands/undrain-command.ts")).command,
  },
  {
    name: "cache purge",
    summary: "Make the caches of a service forget responses, by path or tag",
    group: "configure",
    load: async () => (await import("./commands/cache-purge-command.ts")).command,
  },
  {
    name: "split",
    summary: "Divide a service's requests between its versions, or show the split",
    group: "configure",
    load: async () => (await import("./commands/split-command.ts")).command,
  },
  {
    name: "ca status",
    summary: "Show the roots, who depends on each, and how a rotation stands",
    group: "configure",
    load: async () => (await import("./ca/ca-status-command.ts")).command,
  },
  {
    name: "ca rotate",
    summary: "Replace the root by one with a new key, without losing a request",
    group: "configure",
    load: async () => (await import("./ca/ca-rotate-command.ts")).command,
  },
  {
    name: "ca retire",
    summary: "Trust a root no more, unless something depends on it",
    group: "configure",
    load: async () => (await import("./ca/ca-retire-command.ts")).command,
  },
  {
    name: "ca revoke",
    summary: "Take access away from an identity, a certificate or an instance",
    group: "configure",
    load: async () => (await import("./ca/ca-revoke-command.ts")).command,
  },
  {
    name: "ca unrevoke",
    summary: "Give access back to what was revoked",
    group: "configure",
    load: async () => (await import("./ca/ca-unrevoke-command.ts")).command,
  },
  {
    name: "rollout start",
    summary: "Move a service's requests to a new version, step by step",
    group: "configure",
    load: async () => (await import("./commands/rollout-start-command.ts")).command,
  },
  {
    name: "rollout status",
    summary: "Show how far a rollout is, or watch it",
    group: "configure",
    load: async () => (await import("./commands/rollout-status-command.ts")).command,
  },
  {
    name: "rollout pause",
    summary: "Keep a rollout at its step",
    group: "configure",
    load: async () => (await import("./commands/rollout-pause-command.ts")).command,
  },
  {
    name: "rollout resume",
    summary: "Let a paused rollout go on",
    group: "configure",
    load: async () => (await import("./commands/rollout-resume-command.ts")).command,
  },
  {
    name: "rollout promote",
    summary: "Take a rollout to its next step, or to its end",
    group: "configure",
    load: async () => (await import("./commands/rollout-promote-command.ts")).command,
  },
  {
    name: "rollout abort",
    summary: "End a rollout: the stable version gets every request",
    group: "configure",
    load: async () => (await import("./commands/rollout-abort-command.ts")).command,
  },
  {
    name: "rollout undo",
    summary: "Go back to the version before, also after success",
    group: "configure",
    load: async () => (await import("./commands/rollout-undo-command.ts")).command,
  },
];

const ACCESS_ENTRIES: readonly CommandEntry[] = [
  {
    name: "login",
    summary: "Log in to a control plane with your identity provider",
    group: "other",
    load: async () => (await import("./access/login-command.ts")).command,
  },
  {
    name: "whoami",
    summary: "Show who you are to the control plane, and what you may do",
    group: "inspect",
    load: async () => (await import("./access/whoami-command.ts")).command,
  },
  {
    name: "audit tail",
    summary: "Show the newest records of the audit log, and follow it",
    group: "inspect",
    load: async () => (await import("./audit/audit-tail-command.ts")).command,
  },
  {
    name: "audit search",
    summary: "Find records of the audit log: who did what, when, to which object",
    group: "inspect",
    load: async () => (await import("./audit/audit-search-command.ts")).command,
  },
  {
    name: "audit verify",
    summary: "Check that the audit log is as it was written",
    group: "inspect",
    load: async () => (await import("./audit/audit-verify-command.ts")).command,
  },
  {
    name: "token create",
    summary: "Make a token for the admin API, with a role and an end",
    group: "configure",
    load: async () => (await import("./access/token-create-command.ts")).command,
  },
  {
    name: "token list",
    summary: "List the tokens of the admin API",
    group: "configure",
    load: async () => (await import("./access/token-list-command.ts")).command,
  },
  {
    name: "token revoke",
    summary: "Revoke a token of the admin API",
    group: "configure",
    load: async () => (await import("./access/token-revoke-command.ts")).command,
  },
];

const OBSERVE_ENTRIES: readonly CommandEntry[] = [
  {
    name: "stat",
    summary: "Show requests, success rate and latency of each service",
    group: "observe",
    load: async () => (await import("./telemetry/stat-command.ts")).command,
  },
  {
    name: "edges",
    summary: "Show who calls whom, how well, and whether the caller is proven",
    group: "observe",
    load: async () => (await import("./telemetry/edges-command.ts")).command,
  },
  {
    name: "routes",
    summary: "Show the routes of services with the requests that took each",
    group: "observe",
    load: async () => (await import("./telemetry/routes-command.ts")).command,
  },
  {
    name: "errors",
    summary: "Show failed requests by service, status and flag, with what they mean",
    group: "observe",
    load: async () => (await import("./telemetry/errors-command.ts")).command,
  },
  {
    name: "logs",
    summary: "Show requests from the access logs of the whole mesh, and follow them",
    group: "observe",
    load: async () => (await import("./telemetry/logs-command.ts")).command,
  },
  {
    name: "trace",
    summary: "Find traces, or show one hop by hop",
    group: "observe",
    load: async () => (await import("./telemetry/trace-command.ts")).command,
  },
  {
    name: "tap",
    summary: "Watch live requests, with filters",
    group: "observe",
    load: async () => (await import("./telemetry/tap-command.ts")).command,
  },
  {
    name: "top",
    summary: "Watch which requests are made most, and how they fare",
    group: "observe",
    load: async () => (await import("./telemetry/top-command.ts")).command,
  },
  {
    name: "events",
    summary: "Show what happened in the mesh: changes, ejections, certificates, denials",
    group: "observe",
    load: async () => (await import("./telemetry/events-command.ts")).command,
  },
];

const INSPECT_ENTRIES: readonly CommandEntry[] = [
  {
    name: "status",
    summary: "Show which configuration each proxy runs, and why one does not run the newest",
    group: "inspect",
    load: async () => (await import("./commands/status-command.ts")).command,
  },
  {
    name: "dashboard",
    summary: "Open the dashboard in a browser",
    group: "inspect",
    load: async () => (await import("./commands/dashboard-command.ts")).command,
  },
  {
    name: "check",
    summary: "Check that everything is right, with a hint for each thing that is not",
    group: "inspect",
    load: async () => (await import("./commands/check-command.ts")).command,
  },
  {
    name: "check metrics",
    summary: "Check that a Prometheus has what each panel of the Grafana boards shows",
    group: "inspect",
    load: async () => (await import("./telemetry/check-metrics-command.ts")).command,
  },
  {
    name: "proxy config",
    summary: "Show the configuration that a proxy runs, as the proxy itself tells it",
    group: "inspect",
    load: async () => (await import("./commands/proxy-config-command.ts")).command,
  },
  {
    name: "proxy log-level",
    summary: "Show or change how much a running proxy logs",
    group: "inspect",
    load: async () => (await import("./commands/proxy-log-level-command.ts")).command,
  },
  {
    name: "proxy restart",
    summary: "Restart sidecars without losing a request",
    group: "inspect",
    load: async () => (await import("./commands/proxy-restart-command.ts")).command,
  },
];
