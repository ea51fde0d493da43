/**
 * What happened in a run, as a short story for people: the faults, the elections, what was committed, who came and went,
 * and how it ended.
 */
import type { TraceEvent } from '../core/trace.ts';
import { violationText, type Violation } from './violation.ts';

interface Line {
  readonly at: number;
  text: string;
  readonly isFault: boolean;
}

export class Story {
  readonly #lines: Line[] = [];
  #now = 0;
  /** Who commits at present, and the line that says so: it grows. */
  #commits: { readonly node: string; readonly from: number; readonly line: Line } | null = null;
  #configuration = -1;

  readonly narrator = (at: number, text: string): void => {
    this.#now = at;
    this.#add(text, text.startsWith('fault '));
  };

  readonly listener = (event: TraceEvent, at: number): void => {
    this.#now = at;
    this.#hear(event);
  };

  #add(text: string, isFault = false): Line {
    const line = { at: this.#now, text, isFault };
    this.#lines.push(line);
    this.#commits = null;
    return line;
  }

  #hear(event: TraceEvent): void {
    const { node, state } = event;
    switch (event.name) {
      case 'BecomeCandidate':
        this.#add(`${node} campaigns for term ${state.term}, with a log up to ${event.last}`);
        break;
      case 'BecomeLeader':
        this.#add(`${node} leads term ${state.term}, with a log up to ${event.last} and commit ${state.commit}`);
        break;
      case 'Commit':
        if (event.role === 'leader') this.#commit(node, state.commit);
        break;
      case 'ApplyConfChange': {
        const { version, voters, outgoing, learners } = event.configuration;
        if (version <= this.#configuration) break;
        this.#configuration = version;
        const joint = outgoing.length > 0 ? `, and still of ${outgoing.join(' ')}` : '';
        const others = learners.length > 0 ? `; learners ${learners.join(' ')}` : '';
        this.#add(`${node} is the first to use configuration ${version}: voters ${voters.join(' ')}${joint}${others}`);
        break;
      }
      case 'SnapshotInstalled':
        this.#add(`${node} installs a snapshot of ${event.snapshot.index}`);
        break;
      case 'TransferStart':
        this.#add(`${node} hands over to ${event.target}`);
        break;
      default:
        break;
    }
  }

  #commit(node: string, index: number): void {
    if (this.#commits?.node === node) {
      this.#commits.line.text = `${node} commits ${this.#commits.from} to ${index}`;
    } else {
      const line = this.#add(`${node} commits ${index}`);
      this.#commits = { node, from: index, line };
    }
  }

  /**
   * So many lines at most: faults above all, and otherwise what came last.
   * @param violation the last line of the story
   */
  tell(violation: Violation | null, maxLines = 50): string[] {
    const room = maxLines - 2;
    const faults = this.#lines.filter(({ isFault }) => isFault).slice(-room);
    const others = this.#lines.filter(({ isFault }) => !isFault);
    const kept = new Set([...faults, ...others.slice(Math.max(0, others.length - (room - faults.length)))]);
    const told = this.#lines.filter((line) => kept.has(line)).map(({ at, text }) => `${timeOf(at)}  ${text}`);
    const left = this.#lines.length - told.length;
    return [
      ...(left > 0 ? [`(${left} earlier events are left out)`] : []),
      ...told,
      ...(violation === null ? [] : [`${timeOf(violation.at)}  ${violationText(violation)}`]),
    ];
  }
}

function timeOf(at: number): string {
  return `${(at / 1000).toFixed(3).padStart(9)} s`;
}
