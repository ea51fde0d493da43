/** Where the time of commits goes, as the metrics of the group say it: means over all commits that were measured. */
import type { GroupMetrics, HistogramReading } from '../src/index.ts';
import type { Figure } from './report.ts';

/**
 * The stages in their order. Encoding is of frames, and part of waiting or of the network; the disk is this tab's own, at work
 * beside the network.
 */
const stages = ['waiting', 'encoding', 'network', 'disk', 'apply'] as const;
type Stage = (typeof stages)[number];

function readingOf({ histograms, traffic }: GroupMetrics, stage: Stage): HistogramReading {
  return stage === 'encoding' ? traffic.encoding : histograms[stage];
}

export class Split {
  readonly #sums: Record<Stage, number> = { waiting: 0, encoding: 0, network: 0, disk: 0, apply: 0 };
  readonly #counts: Record<Stage, number> = { waiting: 0, encoding: 0, network: 0, disk: 0, apply: 0 };
  #commits = 0;

  /** Adds what was counted between two readings of one tab. */
  add(before: GroupMetrics, after: GroupMetrics): void {
    this.#commits += after.histograms.commit.count - before.histograms.commit.count;
    for (const stage of stages) {
      const [from, to] = [readingOf(before, stage), readingOf(after, stage)];
      this.#sums[stage] += to.sum - from.sum;
      this.#counts[stage] += to.count - from.count;
    }
  }

  /** A figure for each stage, in milliseconds for a commit; of the disk for a write. */
  figures(name: string): Figure[] {
    return stages.map((stage) => {
      const n = stage === 'encoding' ? this.#commits : this.#counts[stage];
      return { name: `${name}.${stage}`, value: this.#sums[stage] / n, unit: 'ms', n };
    });
  }
}
