import type { KeptCommand, OutboxContent, OutboxChange, Placement } from './storage.ts';

/** An outbox that is nowhere but in memory. */
export class MemoryOutbox {
  /** By number, in order. */
  readonly #commands: Map<number, KeptCommand> = new Map();
  #placement: Placement | null = null;

  get content(): OutboxContent {
    return { placement: this.#placement, commands: [...this.#commands.values()] };
  }

  change({ add, remove, placement }: OutboxChange): void {
    for (const command of add) this.#commands.set(command.number, command);
    for (const number of remove) this.#commands.delete(number);
    if (placement !== undefined) this.#placement = placement;
  }
}
