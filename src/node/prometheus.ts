/**
 * The metrics of groups as the text that Prometheus reads (format 0.0.4). Written here and not with a client library: those keep
 * counts of their own, and take over none that somebody else has kept.
 */
import type { HistogramReading } from '../group/histogram.ts';
import type { FrameCounts, GroupMetrics, LaneCounts } from '../host/traffic.ts';

/** What has metrics: a `Group`. */
export interface MetricsSource {
  readonly id: string;
  readonly memberId: string;
  metrics(): GroupMetrics;
}

/** The `Content-Type` to answer with. */
export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string | number>>;

interface Sample<Value> {
  readonly labels: Labels;
  readonly value: Value;
}

interface Metric<Value> {
  readonly name: string;
  readonly help: string;
  /** One, or one for each value of a label. */
  readonly samples: (metrics: GroupMetrics) => readonly Sample<Value>[];
}

/** A sample for each field of an object, which a label names. */
function by<Key extends string, Value>(label: string, values: Readonly<Record<Key, Value>>): Sample<Value>[] {
  return Object.entries<Value>(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
}

const byLane = ({ control, bulk }: LaneCounts, of: keyof FrameCounts): Sample<number>[] =>
  by('lane', { control: control[of], bulk: bulk[of] });

const one = <Value>(value: Value): Sample<Value>[] => [{ labels: {}, value }];

const counters: readonly Metric<number>[] = [
  {
    name: 'proposals_total',
    help: 'Commands that were proposed here, by their outcome',
    samples: ({ counters: { proposals } }) => {
      const { committed, rejected, notDone, unknown } = proposals;
      return by('outcome', { committed, rejected, 'not-done': notDone, unknown });
    },
  },
  {
    name: 'elections_total',
    help: 'Elections in which this member stood',
    samples: ({ counters: { elections } }) => one(elections),
  },
  {
    name: 'leader_changes_total',
    help: 'Terms in which this member came to know a leader',
    samples: ({ counters: { leaderChanges } }) => one(leaderChanges),
  },
  {
    name: 'entries_appended_total',
    help: 'Entries that were handed to the store of this member',
    samples: ({ counters: { entriesAppended } }) => one(entriesAppended),
  },
  {
    name: 'snapshots_total',
    help: 'Snapshots that were taken here, or installed from another member',
    samples: ({ counters: { snapshotsTaken: taken, snapshotsInstalled: installed } }) =>
      by('kind', { taken, installed }),
  },
  {
    name: 'sent_frames_total',
    help: 'Frames that links have taken, by their lane',
    samples: ({ traffic: { sent } }) => byLane(sent, 'frames'),
  },
  {
    name: 'sent_bytes_total',
    help: 'Bytes of the frames that links have taken, by their lane',
    samples: ({ traffic: { sent } }) => byLane(sent, 'bytes'),
  },
  {
    name: 'received_frames_total',
    help: 'Frames that came for the group, by their lane',
    samples: ({ traffic: { received } }) => byLane(received, 'frames'),
  },
  {
    name: 'received_bytes_total',
    help: 'Bytes of the frames that came for the group, by their lane',
    samples: ({ traffic: { received } }) => byLane(received, 'bytes'),
  },
];

const gauges: readonly Metric<number>[] = [
  {
    name: 'pending_commands',
    help: 'Commands that were proposed here and have no outcome',
    samples: (of) => one(of.gauges.pending),
  },
  { name: 'term', help: 'The term of this member', samples: (of) => one(of.gauges.term) },
  {
    name: 'commit_index',
    help: 'As far as the log is known to be committed',
    samples: (of) => one(of.gauges.commitIndex),
  },
  { name: 'applied_index', help: 'As far as the log is applied', samples: (of) => one(of.gauges.appliedIndex) },
];

const histograms: readonly Metric<HistogramReading>[] = [
  {
    name: 'commit_seconds',
    help: 'Commands that were proposed here, from the call to the result',
    samples: (of) => one(of.histograms.commit),
  },
  {
    name: 'commit_stage_seconds',
    help: 'The same, in the stages that follow one another',
    samples: ({ histograms: { waiting, network, apply } }) => by('stage', { waiting, network, apply }),
  },
  {
    name: 'disk_write_seconds',
    help: 'Writes of the store of this member, until they were durable',
    samples: (of) => one(of.histograms.disk),
  },
  {
    name: 'encoding_seconds',
    help: 'Frames that were put into the wire format',
    samples: ({ traffic }) => one(traffic.encoding),
  },
];

/**
 * The metrics of groups, for an HTTP server to answer Prometheus with. Each series has the labels `group` and `member`; times are
 * in seconds.
 * @param groups each once
 */
export function prometheusText(groups: Iterable<MetricsSource>): string {
  const read = Array.from(groups, (group) => ({
    // Ids are of base64url and a dot: nothing in them has to be escaped.
    labels: { group: group.id, member: group.memberId },
    metrics: group.metrics(),
  }));
  const lines: string[] = [];
  const write = <Value>(type: string, all: readonly Metric<Value>[], linesOf: LinesOf<Value>): void => {
    for (const { name, help, samples } of all) {
      const full = `flotilla_${name}`;
      lines.push(`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`);
      for (const { labels: own, metrics } of read) {
        for (const { labels, value } of samples(metrics)) lines.push(...linesOf(full, { ...own, ...labels }, value));
      }
    }
  };
  const number: LinesOf<number> = (name, labels, value) => [line(name, labels, value)];
  write('counter', counters, number);
  write('gauge', gauges, number);
  write('histogram', histograms, histogramLines);
  return `${lines.join('\n')}\n`;
}

type LinesOf<Value> = (name: string, labels: Labels, value: Value) => string[];

/** Prometheus counts in each bucket what is in those below as well. */
function histogramLines(name: string, labels: Labels, { bounds, counts, sum, count }: HistogramReading): string[] {
  let below = 0;
  const buckets = bounds.map((bound, i) => {
    below += counts[i] ?? 0;
    return line(`${name}_bucket`, { le: bound / 1000, ...labels }, below);
  });
  const last = line(`${name}_bucket`, { le: '+Inf', ...labels }, count);
  return [...buckets, last, line(`${name}_sum`, labels, sum / 1000), line(`${name}_count`, labels, count)];
}

function line(name: string, labels: Labels, value: number): string {
  const text = Object.entries(labels).map(([label, of]) => `${label}="${of}"`);
  return `${name}{${text.join(',')}} ${value}`;
}
