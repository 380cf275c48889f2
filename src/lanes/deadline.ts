/**
 * A plug-in's promise with an end of its own: the signal fires at the deadline, and 50 ms later the promise is no longer
 * waited for, so that a plug-in that ignores its signal holds no slot.
 */
export type Ended<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "timeout" }
  /** The plug-in threw: broken code, told apart from a failing world. */
  | { readonly kind: "fault"; readonly error: string };

const GRACE_MS = 50;

export function withDeadline<T>(
  run: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
): Promise<Ended<T>> {
  const controller = new AbortController();
  return new Promise((resolve) => {
    let timer = setTimeout(() => {
      timer = setTimeout(() => resolve({ kind: "timeout" }), GRACE_MS);
      controller.abort();
    }, timeoutMs);
    const settle = (ended: Ended<T>) => {
      clearTimeout(timer);
      resolve(ended);
    };
    const fault = (error: unknown) => settle({ kind: "fault", error: firstLine(error) });
    try {
      run(controller.signal).then((value) => settle({ kind: "value", value }), fault);
    } catch (error) {
      fault(error);
    }
  });
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).split(
    "\n",
    1,
  )[0] as string;
}
