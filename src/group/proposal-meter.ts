/**
 * What becomes of the commands that are proposed here, and where their time goes: they wait to be sent, then for the log to be
 * committed with them as far as we know, and then to be applied here.
 */
import type { Clock } from './clock.ts';
import { Histogram } from './histogram.ts';
import type { Metered, ProposalOutcome } from './pending.ts';

/** How many proposals ended how: C1, and whether the machine said no. */
export type OutcomeCounts = Readonly<Record<'committed' | 'rejected' | 'notDone' | 'unknown', number>>;

export class ProposalMeter {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #outcomes: Record<keyof OutcomeCounts, number> = { committed: 0, rejected: 0, notDone: 0, unknown: 0 };
  readonly total: Histogram = new Histogram();
  readonly waiting: Histogram = new Histogram();
  readonly network: Histogram = new Histogram();
  readonly apply: Histogram = new Histogram();
  /** Since when what is committed is being applied; null while nothing is. */
  #applyingSince: number | null = null;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  get outcomes(): OutcomeCounts {
    return { ...this.#outcomes };
  }

  proposed(proposal: Metered): void {
    proposal.proposedAt = this.#clock.now();
  }

  sent(proposal: Metered): void {
    proposal.sentAt ??= this.#clock.now();
  }

  /** From now on what is committed is applied, until `applied` is called. */
  applying(): void {
    this.#applyingSince = this.#clock.now();
  }

  applied(): void {
    this.#applyingSince = null;
  }

  ended({ proposedAt, sentAt }: Metered, outcome: ProposalOutcome<unknown>): void {
    const kind = kindOf(outcome);
    this.#outcomes[kind]++;
    if (kind === 'notDone' || kind === 'unknown' || proposedAt === null || sentAt === null) return;
    const now = this.#clock.now();
    this.total.observe(now - proposedAt);
    // What was learned from a snapshot was committed at some time that we do not know.
    if (this.#applyingSince === null) return;
    this.waiting.observe(sentAt - proposedAt);
    this.network.observe(this.#applyingSince - sentAt);
    this.apply.observe(now - this.#applyingSince);
  }
}

function kindOf(outcome: ProposalOutcome<unknown>): keyof OutcomeCounts {
  if (outcome.kind === 'applied') return 'committed';
  const { code, outcome: known } = outcome.error;
  if (code === 'REJECTED') return 'rejected';
  return known === 'not-done' ? 'notDone' : 'unknown';
}
