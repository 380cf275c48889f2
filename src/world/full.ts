/** What is said when a world is full: which limit it was, and how to raise it. */
export function rowsFull(monitor: string, capacity: number): string {
  const quoted = JSON.stringify(monitor);
  return `Cannot add monitor ${quoted}: there is room for ${capacity} monitors, and all of it is used; ` +
    `raise the setting max_monitors (now ${capacity})`;
}

export function textFull(monitor: string, arenaBytes: number): string {
  const quoted = JSON.stringify(monitor);
  return `Cannot add monitor ${quoted}: its name, targets and labels do not fit into what is left of ` +
    `the ${arenaBytes} bytes for texts; raise the setting max_monitors, which sizes them`;
}
