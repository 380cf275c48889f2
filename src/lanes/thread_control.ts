/**
 * How a worker thread is asked for things beside its jobs; today, to profile itself.
 *
 * A thread with an event loop: `serveControl(boot.profile)` once, at boot.
 *
 * A thread that owns its loop (raw probes: epoll_wait, work, epoll_wait, …) never sees a message event. It makes a check once
 * and calls it after every wait:
 *
 *     const checkControl = createControlCheck(boot.profile);
 *     while (!stopping) {
 *       const ready = epollWait(epoll, events, timeoutMs);
 *       const asked = checkControl();            // one load of a shared word: about 5 ns
 *       if (asked !== undefined) await asked;    // rare; lets the inspector answer
 *       …
 *     }
 *
 * Waits must be bounded (200 ms, as the heartbeat asks for anyway): a profile ends at the first check after its time. The
 * time spent inside a function named `epollWait`, `epoll_wait` or `waitForEvents` is not shown as work
 * (telemetry/cpu_samples.ts), so the blocking call belongs in a function of its own with such a name.
 */
import type { ProfileLink } from "../host/profile_messages.ts";
import { ProfiledThread } from "../host/profiled_thread.ts";
import { MailCount } from "../shm/mail_count.ts";

/** Undefined: profiles are off. */
export function serveControl(link: ProfileLink | undefined): void {
  if (link !== undefined) new ProfiledThread(link.port).serve();
}

/** The returned check gives undefined when there is nothing to do, otherwise a promise that must be awaited. */
export function createControlCheck(link: ProfileLink | undefined): () => Promise<void> | undefined {
  if (link === undefined) return () => undefined;
  const mail = new MailCount(link.mail);
  const thread = new ProfiledThread(link.port);
  return () => {
    const changed = mail.changed();
    return changed || thread.recording ? thread.poll(changed) : undefined;
  };
}
