/**
 * Ends every process that we started when we ourselves are killed by a signal that nobody can catch. A
 * shell of a few kilobytes holds the reading end of a pipe and the list of process groups; when the pipe
 * closes, because we ended for whatever reason, it ends what is left on the list.
 */
import { spawn } from "node:child_process";

export interface Guardian {
  /** `pid` leads a process group that must not outlive us. */
  add(pid: number): void;
  remove(pid: number): void;
  /** Closes the pipe: nothing is on the list any more. */
  close(): void;
}

/**
 * POSIX shell. Reads `+ PGID` and `- PGID` until the end of input; then SIGTERM to each group on the list,
 * two seconds to end, SIGKILL. It ignores the signals that a terminal sends to all of us.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
list=' '
while read -r sign group; do
  case $sign in
    +) list="$list$group " ;;
    -) case $list in *" $group "*) list="\${list%%" $group "*} \${list#*" $group "}" ;; esac ;;
  esac
done
for group in $list; do kill -s TERM -- "-$group" 2>/dev/null; done
round=0
while [ $round -lt 20 ]; do
  left=
  for group in $list; do kill -s 0 -- "-$group" 2>/dev/null && left=1; done
  [ -z "$left" ] && exit 0
  sleep 0.1
  round=$((round + 1))
done
for group in $list; do kill -s KILL -- "-$group" 2>/dev/null; done
`;

/** Starts the shell. A machine without \`/bin/sh\` runs on unguarded. */
export function startGuardian(): Guardian {
  const shell = spawn("/bin/sh", ["-c", SCRIPT, "tulle-guardian"], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    detached: true,
  });
  const { stdin } = shell;
  shell.on("error", () => {});
  stdin.on("error", () => {});
  // It must not keep us alive, nor be waited for.
  shell.unref();
  if ("unref" in stdin && typeof stdin.unref === "function") stdin.unref();
  return {
    add: (pid) => stdin.write(`+ ${pid}\n`),
    remove: (pid) => stdin.write(`- ${pid}\n`),
    close: () => stdin.end(),
  };
}
