/**
 * The engine thread's side of profiling: gives every thread a MessagePort of its own to the server thread, and tells the
 * server which threads there are. From then on the two talk without the engine.
 */
import type { ProfileLink } from "../host/profile_messages.ts";
import { createMailCount } from "../shm/mail_count.ts";
import type { ToServer } from "./messages.ts";

export interface OpenLink {
  /** For the thread's boot message; the port must be transferred. */
  readonly link: ProfileLink;
  /** When the thread has ended. */
  close(): void;
}

export interface ThreadLinks {
  /** For the server's boot message. */
  readonly mail: SharedArrayBuffer;
  /** `name` is the `thread` label in profiles: "main", "pulse-0". */
  open(name: string): OpenLink;
}

export function createThreadLinks(
  post: (message: ToServer, transfer?: Transferable[]) => void,
): ThreadLinks {
  const mail = createMailCount();
  return {
    mail,
    open(name) {
      const { port1, port2 } = new MessageChannel();
      post({ type: "thread", name, port: port2 }, [port2]);
      return { link: { port: port1, mail }, close: () => post({ type: "thread-ended", name }) };
    },
  };
}
