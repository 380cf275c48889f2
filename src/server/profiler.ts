/**
 * The server thread's end of profiling: knows the threads, asks them (host/profile_messages.ts), collects what they answer.
 * One profile at a time. It changes no data and converts nothing: profile_routes.ts and telemetry/ make formats of it.
 */
import type { ProfileReply, ProfileRequest } from "../host/profile_messages.ts";
import { MailCount } from "../shm/mail_count.ts";

/** What one thread answered. */
export interface ThreadAnswer {
  readonly thread: string;
  readonly replies: readonly ProfileReply[];
  /** Its number under /proc/self/task; undefined when it ended, or did not answer in time. */
  readonly kernelId: number | undefined;
}

type Body<Request> = Request extends ProfileRequest ? Omit<Request, "id"> : never;

export interface Asking {
  /** "all" takes in those that begin meanwhile, too; only for requests with a time. */
  readonly threads: readonly string[] | "all";
  readonly request: Body<ProfileRequest>;
  /** How long the request itself takes, ms; a thread has ANSWER_MS more. */
  readonly ms: number;
  /** Ends the request early; the answers up to then are given. */
  readonly signal?: AbortSignal | undefined;
}

/** A second profile is asked for. */
export class ProfilerBusyError extends Error {
  override readonly name = "ProfilerBusyError";
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super(`Cannot profile: another profile is under way for about ${retryAfterSeconds} s more`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A raw worker looks for messages every 200 ms at the latest; a busy one needs time to end its profile. */
const ANSWER_MS = 3000;

interface Waiting {
  readonly replies: ProfileReply[];
  done(kernelId: number | undefined): void;
}

/** A request that threads which begin now join for the rest of its time. */
interface Joining {
  readonly id: number;
  readonly request: Body<ProfileRequest>;
  readonly endMs: number;
  readonly answers: Promise<ThreadAnswer>[];
}

interface Member {
  readonly port: MessagePort;
  readonly waiting: Map<number, Waiting>;
}

export class Profiler {
  readonly #members = new Map<string, Member>();
  readonly #mail: MailCount;
  readonly #monoMs: () => number;
  #requests = 0;
  #joining: Joining | undefined;
  #busyUntilMs: number | undefined;

  constructor(mail: SharedArrayBuffer, monoMs: () => number) {
    this.#mail = new MailCount(mail);
    this.#monoMs = monoMs;
  }

  get threads(): readonly string[] {
    return [...this.#members.keys()];
  }

  addThread(name: string, port: MessagePort): void {
    const member: Member = { port, waiting: new Map() };
    this.#members.set(name, member);
    port.onmessage = ({ data: reply }: MessageEvent<ProfileReply>) => {
      const waiting = member.waiting.get(reply.id);
      if (reply.type === "done") waiting?.done(reply.kernelId);
      else waiting?.replies.push(reply);
    };
    if (this.#joining !== undefined) this.#join(name, this.#joining);
  }

  removeThread(name: string): void {
    const member = this.#members.get(name);
    this.#members.delete(name);
    member?.port.close();
    for (const waiting of member?.waiting.values() ?? []) waiting.done(undefined);
  }

  close(): void {
    for (const name of this.threads) this.removeThread(name);
  }

  /** Runs `work` alone. Rejects with ProfilerBusyError while another is under way. */
  async exclusively<T>(seconds: number, work: () => Promise<T>): Promise<T> {
    const nowMs = this.#monoMs();
    if (this.#busyUntilMs !== undefined) {
      throw new ProfilerBusyError(Math.max(1, Math.ceil((this.#busyUntilMs - nowMs) / 1000)));
    }
    this.#busyUntilMs = nowMs + seconds * 1000;
    try {
      return await work();
    } finally {
      this.#busyUntilMs = undefined;
    }
  }

  /** Asks the threads at once; settles when each has answered, ended, or had its time. Never rejects. */
  async ask({ threads, request, ms, signal }: Asking): Promise<ThreadAnswer[]> {
    const id = ++this.#requests;
    const asked = threads === "all" ? this.threads : threads;
    const answers = asked.map((thread) => this.#answer(thread, id, ms + ANSWER_MS));
    this.#post(asked, { id, ...request });
    if (threads === "all") this.#joining = { id, request, endMs: this.#monoMs() + ms, answers };
    const end = () => {
      this.#joining = undefined;
      this.#post(this.threads, { id, type: "end" });
    };
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted) end();
    let answered: ThreadAnswer[] = [];
    while (answered.length < answers.length) answered = await Promise.all(answers);
    this.#joining = undefined;
    signal?.removeEventListener("abort", end);
    return answered;
  }

  #post(threads: readonly string[], request: ProfileRequest): void {
    for (const name of threads) this.#members.get(name)?.port.postMessage(request);
    this.#mail.add();
  }

  #join(thread: string, { id, request, endMs, answers }: Joining): void {
    const ms = endMs - this.#monoMs();
    if (ms <= 0) return;
    answers.push(this.#answer(thread, id, ms + ANSWER_MS));
    this.#post([thread], { id, ...request, ms } as ProfileRequest);
  }

  #answer(thread: string, id: number, limitMs: number): Promise<ThreadAnswer> {
    const member = this.#members.get(thread);
    if (member === undefined) return Promise.resolve({ thread, replies: [], kernelId: undefined });
    return new Promise((resolve) => {
      const replies: ProfileReply[] = [];
      const done = (kernelId: number | undefined) => {
        clearTimeout(timer);
        member.waiting.delete(id);
        resolve({ thread, replies, kernelId });
      };
      const timer = setTimeout(() => done(undefined), limitMs);
      member.waiting.set(id, { replies, done });
    });
  }
}
