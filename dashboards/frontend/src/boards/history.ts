// What was done can be undone. Changes of the same kind in a row (typing a title) count as one.

export class History<T> {
  private past: T[] = [];
  private future: T[] = [];
  private lastKind: string | undefined;

  constructor(private now: T) {}

  get value(): T {
    return this.now;
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  /** The next state; one of the same `kind` as the last takes its place. */
  put(value: T, kind?: string): void {
    if (kind === undefined || kind !== this.lastKind || this.past.length === 0) this.past.push(this.now);
    this.lastKind = kind;
    this.now = value;
    this.future = [];
  }

  undo(): void {
    const before = this.past.pop();
    if (before === undefined) return;
    this.future.push(this.now);
    this.now = before;
    this.lastKind = undefined;
  }

  redo(): void {
    const next = this.future.pop();
    if (next === undefined) return;
    this.past.push(this.now);
    this.now = next;
    this.lastKind = undefined;
  }
}
