/** Modules that the tests make of the README (`example.ts`). */
declare module 'virtual:readme/Counter.svelte' {
  import type { Component } from 'svelte';

  const counter: Component<{ group: object }>;
  export default counter;
}

declare module 'virtual:readme/room.js' {
  /** Gives the group. */
  export default function enter(machine: object, signaling: string | undefined): Promise<object>;
}

declare module 'virtual:readme/plain.js' {
  export default function show(group: object, document: HTMLElement): void;
}
